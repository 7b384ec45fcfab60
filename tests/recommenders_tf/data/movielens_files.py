"""Small files in the original formats of MovieLens."""

from __future__ import annotations

import gzip
import pathlib

GENRE_FLAGS = 19


def write(path: pathlib.Path, lines: list[str], encoding: str = "utf-8") -> None:
    data = ("\n".join(lines) + "\n").encode(encoding)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def write_100k(folder: pathlib.Path, ending: str = "") -> pathlib.Path:
    flags = [["0"] * GENRE_FLAGS for _ in range(3)]
    flags[0][3] = flags[0][5] = "1"  # Animation, Comedy
    flags[1][0] = "1"  # unknown
    items = [
        "1|Toy Story (1995)|01-Jan-1995||http://imdb/1|" + "|".join(flags[0]),
        "2|unknown||||" + "|".join(flags[1]),
        "3|Misérables, Les (1995)|02-Feb-1996||http://imdb/3|" + "|".join(flags[2]),
    ]
    write(folder / f"u.item{ending}", items, "latin-1")
    users = ["1|24|M|technician|85711", "2|53|F|other|T8H1N"]
    write(folder / f"u.user{ending}", users)
    write(
        folder / f"u.data{ending}",
        ["1\t1\t5\t874965758", "1\t2\t3\t874965758", "2\t1\t4\t888550871", "2\t3\t1\t888550872"],
    )
    return folder


def write_1m(folder: pathlib.Path, ratings: str = "ratings.dat") -> pathlib.Path:
    events = [(1, 1, 5, 978300760), (1, 2, 3, 978302109), (2, 1, 4, 978298413)]
    if ratings == "ratings.dat":
        write(folder / ratings, ["::".join(map(str, event)) for event in events])
    movies = ["1::Toy Story (1995)::Animation|Comedy", "2::1900 Été, L' (1968)::Drama"]
    write(folder / "movies.dat", movies, "latin-1")
    write(folder / "users.dat", ["1::F::1::10::48067", "2::M::56::16::70072"])
    return folder


def write_latest_small(folder: pathlib.Path) -> pathlib.Path:
    events = ["userId,movieId,rating,timestamp", "1,1,4.0,964982703", "1,7,0.5,964981247"]
    write(folder / "ratings.csv.gz", events)
    movies = [
        "movieId,title,genres",
        "1,Toy Story (1995),Animation|Comedy",
        '7,"11\'09""01, The (2002) ",(no genres listed)',
    ]
    write(folder / "movies.csv", movies)
    return folder


WRITERS = {
    "movielens-100k": write_100k,
    "movielens-1m": write_1m,
    "movielens-latest-small": write_latest_small,
}
