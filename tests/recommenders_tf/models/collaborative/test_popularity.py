import recommenders_tf as rtf


def test_counts_are_those_of_the_log(planted_log) -> None:
    train = rtf.data.encode(planted_log)
    model = rtf.models.Popularity(train.schema)
    model.compile()
    model.fit(train, verbose=0)
    counts = planted_log.events["item_id"].value_counts()
    answer = model.recommend(["nobody"], k=10)
    assert answer["score"].tolist() == sorted(answer["score"], reverse=True)
    expected = [counts[item] / len(planted_log) for item in answer["item_id"]]
    assert abs(answer["score"] - expected).max() < 1e-6
    assert counts.max() == counts[answer["item_id"][0]]
