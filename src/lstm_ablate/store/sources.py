"""What a merge reads: the results folders in a folder, in a zip or in a tar.gz.

Nothing is unpacked. Of an archive the files with our names are read into memory, one at a time and
each up to a size, so that no name in it can become a path here and no link in it leads anywhere.
Only bytes that turn out to be a record are written again, under the id that they have. Limits stop
an archive that is small and unpacks to a disk full of zeros.
"""

import gzip
import os
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from lstm_ablate.errors import FolderError
from lstm_ablate.experiment.yaml_source import MAX_BYTES
from lstm_ablate.store import files, looks_file, notices_file, shard_file

# A record of 10,000 epochs has half a megabyte.
MOST_BYTES_OF_FILE = 1 << 24
# A hundred thousand records of 80 kB.
MOST_BYTES_OF_ARCHIVE = 1 << 33
MOST_FILES = 1_000_000
# Of an archive, which is read from its beginning for each of them.
MOST_FOLDERS = 1_000
# Of all results folders together: what they hold beside records, each content once.
MOST_BYTES_BESIDE = 1 << 26
_CHUNK = 1 << 16

_SMALL = (
    "experiment.yaml",
    shard_file.NAME,
    looks_file.NAME,
    notices_file.NAME,
    "environment.json",
)
_OURS = re.compile(
    rf"(?P<folder>(?:.*/)?)(?P<name>{'|'.join(map(re.escape, _SMALL))}"
    r"|runs/(?P<run>[0-9a-f]{16})\.json|runs/conflicts/[0-9a-f]{16}\.[0-9]+\.json"
    r"|logs/(?P<log>[0-9a-f]{16})\.log)"
)

# Gives the content of a file that has at most so many bytes; raises FolderError where it has more.
Read = Callable[[int], bytes]
_Entries = Generator[tuple[str, Read], None, None]


@dataclass(frozen=True)
class Source:
    """A results folder that a merge may read, in a folder or in an archive.

    `place` is what messages call it, `small` are its files beside records by name, and `conflicts`
    how many records in it have other numbers than the run was recorded with before.
    """

    path: Path
    inside: str
    small: dict[str, bytes]
    conflicts: int

    @property
    def place(self) -> str:
        """Where it lies, the place in an archive included."""
        inside = self.inside.rstrip("/")
        return str(self.path) + (f"/{inside}" if inside else "")

    def records(self) -> Iterator[tuple[str, bytes]]:
        """Yield the id and the content of each file that is named as a record."""
        yield from self._contents("run")

    def logs(self) -> Iterator[tuple[str, bytes]]:
        """Yield the id and the content of each note of a failure."""
        yield from self._contents("log")

    def _contents(self, kind: str) -> Iterator[tuple[str, bytes]]:
        with closing(_entries(self.path)) as entries:
            for name, read in entries:
                found = _OURS.fullmatch(name)
                if found and found["folder"] == self.inside and found[kind]:
                    yield found[kind], read(MOST_BYTES_OF_FILE)


def found(path: Path) -> list[Source]:
    """Return the results folders in a folder or an archive, in the order of their names.

    What lies within a results folder belongs to it: the tables of an older schema are no other one.
    Raises FolderError where nothing can be read, and where there is no results folder.
    """
    small: dict[str, dict[str, bytes]] = {}
    conflicts: dict[str, int] = {}
    contents: dict[bytes, bytes] = {}  # each once, for all parts have the same experiment.yaml
    bytes_beside = 0
    with closing(_entries(path)) as entries:
        for name, read in entries:
            ours = _OURS.fullmatch(name)
            if not ours or ours["log"]:
                continue
            folder = ours["folder"]
            kept = small.setdefault(folder, {})
            conflicts[folder] = conflicts.get(folder, 0) + ours["name"].startswith("runs/conflicts")
            if len(small) > MOST_FOLDERS and not path.is_dir():
                raise FolderError(f"{path}: more than {MOST_FOLDERS:,} results folders")
            if ours["name"] in _SMALL:
                content = read(MAX_BYTES)
                bytes_beside += len(content) * (content not in contents)
                kept[ours["name"]] = contents.setdefault(content, content)
                if bytes_beside > MOST_BYTES_BESIDE:
                    most = f"{MOST_BYTES_BESIDE:,} bytes beside records"
                    raise FolderError(f"{path}: its results folders have more than {most}")
    outer = [
        folder for folder in sorted(small) if not any(above in small for above in _above(folder))
    ]
    if not outer:
        raise FolderError(
            f"{path}: no results folder, and none in it (runs/, experiment.yaml); links to folders"
            " are not followed"
        )
    if path.is_dir():  # each is then walked by itself, not all of them for each
        return [Source(path / inside, "", small[inside], conflicts[inside]) for inside in outer]
    return [Source(path, inside, small[inside], conflicts[inside]) for inside in outer]


def _above(folder: str) -> Iterator[str]:
    """Yield the folders that a folder lies in."""
    parts = folder.split("/")[:-1]
    for depth in range(len(parts)):
        yield "".join(f"{part}/" for part in parts[:depth])


def _entries(path: Path) -> _Entries:
    """Yield the relative name of each regular file, and how to read it before the next one."""
    if path.is_dir():
        return _of_folder(path)
    start = _start_of(path)
    if start.startswith(b"\x1f\x8b"):
        return _of_archive(path, _of_tar(path))
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _of_archive(path, _of_zip(path))
    raise FolderError(f"{path}: neither a folder nor a zip or tar.gz archive")


def _start_of(path: Path) -> bytes:
    try:
        if not path.is_file():  # a pipe would be waited for
            return b""
        with path.open("rb") as stream:
            return stream.read(4)
    except OSError as error:
        raise FolderError(f"{path}: {error.strerror or error}") from None


def _of_folder(path: Path) -> _Entries:
    for place, folders, names in os.walk(path, onerror=_unlisted):  # follows no links to folders
        folders.sort()
        for name in sorted(names):
            file = Path(place, name)
            yield file.relative_to(path).as_posix(), partial(_of_file, file)


def _unlisted(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):  # a folder that went away in the meantime
        raise FolderError(f"{error.filename}: {error.strerror or error}")


def _of_file(file: Path, most: int) -> bytes:
    try:
        if file.stat().st_size > most:
            raise _too_large(file, most)
        return files.read(file)
    except FileNotFoundError:  # a driver has set it aside
        return b""
    except OSError as error:
        raise FolderError(f"{file}: {error.strerror or error}") from None


def _too_large(file: object, most: int) -> FolderError:
    return FolderError(
        f"{file}: larger than such a file of a results folder can be ({most:,} bytes)"
    )


# ----------------------------------------------------------------------------------------- archives


def _of_archive(path: Path, entries: _Entries) -> _Entries:
    """Yield the entries of an archive; raise FolderError for whatever is wrong with it."""
    read_so_far = 0

    def counted(read: Read, most: int) -> bytes:
        nonlocal read_so_far
        with _readable(path):
            content = read(most)
        read_so_far += len(content)
        if read_so_far > MOST_BYTES_OF_ARCHIVE:
            raise _unpacks_to_too_much(path)
        return content

    with closing(entries), _readable(path):
        for number, (name, read) in enumerate(entries):
            if number >= MOST_FILES:
                raise FolderError(f"{path}: more than {MOST_FILES:,} files")
            yield name.removeprefix("./"), partial(counted, read)


def _unpacks_to_too_much(path: Path) -> FolderError:
    return FolderError(f"{path}: unpacks to more than {MOST_BYTES_OF_ARCHIVE:,} bytes")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Raise FolderError for what the readers of archives raise.

    `zipfile` raises RuntimeError for a password, and NotImplementedError for a compression that it
    does not know; a long chain of headers in a tar ends in a RecursionError.
    """
    try:
        yield
    except (
        *(OSError, EOFError, ValueError, RuntimeError),
        *(tarfile.TarError, zipfile.BadZipFile, zlib.error),
    ) as error:
        raise FolderError(f"{path}: cannot be read as an archive: {error}") from None


def _of_zip(path: Path) -> _Entries:
    def read(info: zipfile.ZipInfo, most: int) -> bytes:
        name = f"{path}/{info.filename}"
        # What reads the other ways takes as much memory as the archive says, up to 4 GiB.
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise FolderError(f"{name}: neither stored nor deflated, and so not read")
        with archive.open(info) as stream:
            return _up_to(most, stream, name)

    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.filename.endswith("/"):  # is_dir() takes no empty name
                yield info.filename, partial(read, info)


def _of_tar(path: Path) -> _Entries:
    with (
        gzip.open(path) as unpacked,
        tarfile.open(fileobj=_Bounded(path, unpacked), mode="r:") as archive,  # type: ignore[call-overload]
    ):
        while member := archive.next():
            archive.members.clear()  # which would grow with the archive
            archive.pax_headers.clear()
            if member.isreg():
                yield member.name, partial(_of_member, archive, member, path)


def _of_member(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path, most: int) -> bytes:
    stream = archive.extractfile(member)
    return _up_to(most, stream, f"{path}/{member.name}") if stream else b""


class _Bounded:
    """A stream of unpacked bytes, read forward in small pieces, and not too many of them.

    `tarfile` reads the headers of a member whole, whatever size they say that they have. And before
    each header it goes back by one byte, for which gzip would unpack everything once more.
    """

    def __init__(self, path: Path, stream: gzip.GzipFile):
        self._path, self._stream = path, stream
        self._position = 0
        self._last = self._again = b""

    def read(self, size: int) -> bytes:
        if size > _CHUNK:
            raise FolderError(f"{self._path}: a header of {size:,} bytes is no header")
        content = self._again + self._stream.read(size - len(self._again)) if size else b""
        if size:
            self._again = b""
        self._position += len(content)
        self._last = content[-1:] or self._last
        if self._position > MOST_BYTES_OF_ARCHIVE:
            raise _unpacks_to_too_much(self._path)
        return content

    def seek(self, position: int) -> int:
        if position == self._position - 1 and self._last and not self._again:
            self._again, self._position = self._last, position
        while self._position < position and self.read(min(_CHUNK, position - self._position)):
            pass
        if self._position > position:
            raise FolderError(f"{self._path}: its files are not one after the other")
        return self._position

    def tell(self) -> int:
        return self._position


def _up_to(most: int, stream: IO[bytes], name: str) -> bytes:
    """Return the content of a file in an archive, whatever size the archive says that it has."""
    content = bytearray()
    while piece := stream.read(_CHUNK):
        content += piece
        if len(content) > most:
            raise _too_large(name, most)
    return bytes(content)
