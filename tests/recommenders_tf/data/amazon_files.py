"""Small files in the format of the Amazon reviews that ReChorus prepared."""

from __future__ import annotations

import pathlib

from tests.recommenders_tf.data.movielens_files import write


def write_grocery(folder: pathlib.Path, with_events: bool = True) -> pathlib.Path:
    items = ["1\t5\t[6, 1]\t[]", "3\t0\t[]\t[1]"]
    write(folder / "item_meta.csv", ["item_id\ti_category\tr_complement\tr_substitute", *items])
    if with_events:
        events = ["user_id\titem_id\ttime", "7\t3\t965779200", "7\t1\t1068249600"]
        write(folder / "train.csv.gz", events)
    return folder
