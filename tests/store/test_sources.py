"""What a merge reads of folders and archives, and what it does not: the arbiters are Python's own
writers of archives, with files in them that no results folder has.
"""

import gzip
import io
import os
import struct
import tarfile
import zipfile

import pytest

from lstm_ablate.errors import FolderError
from lstm_ablate.store import sources

ID, OTHER = "0123456789abcdef", "fedcba9876543210"
FILES = {
    "experiment.yaml": b"name: mine\n",
    "shard.yaml": b"part: 1\nof: 2\n",
    f"runs/{ID}.json": b"{1}",
    f"runs/{OTHER}.json": b"{2}",
    f"runs/conflicts/{ID}.1.json": b"{3}",
    f"logs/{ID}.log": b"why",
    "report.html": b"<p>",
}
# Of other things, or leading elsewhere: none of them is read.
STRANGE = {
    "notes.txt": b"mine",
    f"../../runs/{ID}.txt": b"x",
    f"runs/{ID.upper()}.json": b"x",
    f"runs/{ID}.json.bak": b"x",
    f"schema-1/runs/{ID}.json": b"old",
    "schema-1/experiment.yaml": b"old",
}


def as_folder(path, files):
    for name, content in files.items():
        if ".." not in name:
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
    return path


def as_zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def as_tar(path, files, **options):
    with tarfile.open(path, "w:gz", **options) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


WRITERS = {"folder": as_folder, "zip": as_zip, "tar.gz": as_tar}


@pytest.fixture(params=WRITERS)
def written(request, tmp_path):
    """A function that writes files as a folder or as an archive, and returns where."""
    return lambda files: WRITERS[request.param](tmp_path / f"it.{request.param}", files)


def in_folder(prefix, files=FILES):
    return {f"{prefix}{name}": content for name, content in files.items()}


def test_our_files_are_read_and_no_others(written):
    path = written(FILES | STRANGE)
    (source,) = sources.found(path)
    assert source.place == str(path) and source.conflicts == 1
    assert source.small == {name: FILES[name] for name in ("experiment.yaml", "shard.yaml")}
    assert dict(source.records()) == {ID: b"{1}", OTHER: b"{2}"}
    assert dict(source.logs()) == {ID: b"why"}


def test_several_results_folders_lie_at_any_depth(written):
    path = written(in_folder("a/b.shards/1of2/") | in_folder("a/b.shards/2of2/"))
    found = sources.found(path)
    assert [source.place for source in found] == [f"{path}/a/b.shards/{k}of2" for k in (1, 2)]
    assert all(len(dict(source.records())) == 2 for source in found)


def test_where_there_is_no_results_folder_that_is_told(written):
    with pytest.raises(FolderError, match="no results folder"):
        sources.found(written({"notes.txt": b"mine"}))


def test_an_artifact_may_begin_its_names_with_a_dot(tmp_path):
    """`tar -C folder -czf it.tar.gz .` names its files so."""
    (source,) = sources.found(as_tar(tmp_path / "it.tar.gz", in_folder("./")))
    assert source.place == str(tmp_path / "it.tar.gz") and len(dict(source.records())) == 2


def test_an_archive_of_many_files_is_read_in_one_pass(tmp_path, monkeypatch):
    """Sizes of whole blocks, after which `tarfile` goes back by one byte, do not begin anew."""
    sizes = [512, 1024, 65536, 65536 * 3, 1, 511, 513, 0] * 4
    files = {f"runs/{number:016x}.json": os.urandom(size) for number, size in enumerate(sizes)}
    path = as_tar(tmp_path / "it.tar.gz", files)
    rewound = []
    monkeypatch.setattr(gzip._GzipReader, "_rewind", rewound.append)
    (source,) = sources.found(path)
    expected = {name[5:21]: content for name, content in files.items()}
    assert dict(source.records()) == expected and rewound == []


def test_links_and_devices_in_a_tar_are_not_followed(tmp_path):
    path = tmp_path / "it.tar.gz"
    secret = tmp_path / "secret"
    secret.write_text("secret")
    with tarfile.open(path, "w:gz") as archive:
        for kind, name in (
            (tarfile.SYMTYPE, ID),
            (tarfile.LNKTYPE, OTHER),
            (tarfile.FIFOTYPE, "a" * 16),
        ):
            info = tarfile.TarInfo(f"runs/{name}.json")
            info.type, info.linkname = kind, str(secret)
            archive.addfile(info)
        info = tarfile.TarInfo("experiment.yaml")
        archive.addfile(info, io.BytesIO())
    (source,) = sources.found(path)
    assert dict(source.records()) == {}


def test_links_in_a_folder_lead_to_no_other_folder_and_a_pipe_is_not_waited_for(tmp_path):
    real = as_folder(tmp_path / "real", FILES)
    folder = as_folder(tmp_path / "r", {"experiment.yaml": b"x"})
    (folder / "runs").mkdir()
    os.mkfifo(folder / "runs" / f"{OTHER}.json")
    (folder / "more").symlink_to(real)
    (folder / "runs" / f"{ID}.json").symlink_to(tmp_path / "nowhere")
    (source,) = sources.found(folder)
    assert dict(source.records()) == {ID: b"", OTHER: b""}


@pytest.mark.parametrize("kept", ["runs", ""])
def test_a_folder_that_cannot_be_listed_is_told(kept, tmp_path, monkeypatch):
    """Permissions of root would let it be listed, so the system's answer is given here."""
    folder, scandir = as_folder(tmp_path / "part", FILES), os.scandir
    denied = str(folder / kept)

    def refusing(path):
        if str(path) == denied:
            raise PermissionError(13, "Permission denied", denied)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(FolderError, match=f"{denied}: Permission denied"):
        sources.found(folder)


def test_a_folder_that_goes_away_while_it_is_listed_is_no_error(tmp_path, monkeypatch):
    folder, scandir = as_folder(tmp_path / "part", FILES | {"figures/a.svg": b"x"}), os.scandir

    def gone(path):
        if str(path) == str(folder / "figures"):
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", gone)
    (source,) = sources.found(folder)
    assert len(dict(source.records())) == 2


# -------------------------------------------------------------------------------------- and attacks


@pytest.fixture
def small_limits(monkeypatch):
    monkeypatch.setattr(sources, "MOST_BYTES_OF_FILE", 1 << 20)
    monkeypatch.setattr(sources, "MOST_BYTES_OF_ARCHIVE", 1 << 22)
    monkeypatch.setattr(sources, "MOST_FILES", 100)


def read(path):
    return [list(source.records()) for source in sources.found(path)]


@pytest.mark.usefixtures("small_limits")
def test_a_file_that_unpacks_to_more_than_one_can_have_is_refused(written):
    path = written({f"runs/{ID}.json": bytes((1 << 20) + 1)})
    with pytest.raises(FolderError, match="larger than such a file of a results folder can be"):
        read(path)


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("name", ["padding.bin", "runs/{number:016x}.json"])
@pytest.mark.parametrize("writer", [as_zip, as_tar])
def test_an_archive_that_unpacks_to_too_much_is_refused(writer, name, tmp_path):
    """Of a zip what is not read costs nothing; a tar.gz has to be unpacked to its end."""
    files = {name.format(number=number): bytes(1 << 19) for number in range(1)}
    size = 1 << 19
    many = {
        (name.format(number=number) if "{" in name else f"{number}.bin"): bytes(size)
        for number in range(9)
    }
    path = writer(tmp_path / "it", {"experiment.yaml": b"x"} | files | many)
    if writer is as_zip and "{" not in name:
        assert read(path) == [[]]
        return
    with pytest.raises(FolderError, match="unpacks to more than 4,194,304 bytes"):
        read(path)


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("writer", [as_zip, as_tar])
def test_an_archive_of_too_many_files_is_refused(writer, tmp_path):
    path = writer(tmp_path / "it", {f"{number}.txt": b"" for number in range(101)})
    with pytest.raises(FolderError, match="more than 100 files"):
        read(path)


@pytest.mark.parametrize("writer", [as_zip, as_tar])
def test_what_lies_beside_records_takes_little_memory(writer, tmp_path, monkeypatch):
    """It is kept for every results folder of an archive at once, equal files once."""
    monkeypatch.setattr(sources, "MOST_BYTES_BESIDE", 1 << 12)
    large = {"experiment.yaml": bytes((1 << 20) + 1)}
    with pytest.raises(FolderError, match=r"larger than such a file .*\(1,048,576 bytes\)"):
        read(writer(tmp_path / "large", large))
    alike = {f"{number}/experiment.yaml": b"x" * 1000 for number in range(20)}
    assert len(read(writer(tmp_path / "alike", alike))) == 20
    unlike = {f"{number}/experiment.yaml": b"%d" % number * 1000 for number in range(5)}
    with pytest.raises(FolderError, match="have more than 4,096 bytes beside records"):
        read(writer(tmp_path / "unlike", unlike))


@pytest.mark.parametrize("writer", [as_zip, as_tar])
def test_an_archive_of_too_many_results_folders_is_refused(writer, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "MOST_FOLDERS", 10)
    path = writer(tmp_path / "it", {f"{number}/shard.yaml": b"" for number in range(10)})
    assert len(sources.found(path)) == 10
    path = writer(tmp_path / "it", {f"{number}/shard.yaml": b"" for number in range(11)})
    with pytest.raises(FolderError, match="more than 10 results folders"):
        sources.found(path)


@pytest.mark.usefixtures("small_limits")
def test_zeros_that_a_sparse_tar_only_names_are_counted(tmp_path):
    """Each file says that it has 1 MiB of zeros, and holds one byte."""
    path = tmp_path / "it.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for number in range(6):
            info = tarfile.TarInfo(f"runs/{number:016x}.json")
            info.type, info.size = tarfile.GNUTYPE_SPARSE, 1
            header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
            header[386:410] = b"%011o\0%011o\0" % ((1 << 20) - 1, 1)  # the one place with data
            header[483:495] = b"%011o\0" % (1 << 20)  # the size
            header[148:156] = b" " * 8
            header[148:156] = b"%06o\0 " % sum(header)
            archive.fileobj.write(bytes(header) + b"x".ljust(512, b"\0"))
    assert path.stat().st_size < 2000
    with pytest.raises(FolderError, match="unpacks to more than 4,194,304 bytes"):
        read(path)


@pytest.mark.parametrize("way", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_that_is_neither_stored_nor_deflated_is_refused(way, tmp_path):
    """LZMA's header says how much memory its reader takes."""
    path = tmp_path / "it.zip"
    with zipfile.ZipFile(path, "w", way) as archive:
        archive.writestr("experiment.yaml", b"x")
    with pytest.raises(FolderError, match=r"experiment\.yaml: neither stored nor deflated"):
        read(path)


def test_a_header_that_claims_to_be_huge_is_refused(tmp_path):
    """`tarfile` would read it whole into memory: here 8 GiB."""
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 1 << 33
    path = tmp_path / "it.tar.gz"
    path.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20)))
    with pytest.raises(FolderError, match="is no header"):
        read(path)


def test_a_chain_of_headers_is_refused(tmp_path):
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 10
    one = info.tobuf(tarfile.GNU_FORMAT) + b"10 a=bcde\n".ljust(512, b"\0")
    path = tmp_path / "it.tar.gz"
    path.write_bytes(gzip.compress(one * 20_000))
    with pytest.raises(FolderError, match="cannot be read as an archive"):
        read(path)


def test_a_zip_that_lies_about_sizes_is_refused(tmp_path):
    path = as_zip(tmp_path / "it.zip", {f"runs/{ID}.json": bytes(sources.MOST_BYTES_OF_FILE + 1)})
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x01\x02")
    struct.pack_into("<I", content, place + 24, 10)  # the unpacked size in the directory
    path.write_bytes(content)
    with pytest.raises(FolderError, match=r"larger than|cannot be read as an archive"):
        read(path)


@pytest.mark.parametrize("writer", [as_zip, as_tar])
def test_every_truncation_of_an_archive_is_told(writer, tmp_path):
    whole = writer(tmp_path / "it", FILES | {"a": os.urandom(3000)}).read_bytes()
    path = tmp_path / "cut"
    for length in range(0, len(whole) - 1, 97):
        path.write_bytes(whole[:length])
        with pytest.raises(FolderError):
            read(path)


@pytest.mark.parametrize("writer", [as_zip, as_tar])
def test_no_flipped_byte_of_an_archive_is_a_bug(writer, tmp_path):
    whole = writer(tmp_path / "it", FILES).read_bytes()
    path = tmp_path / "flipped"
    for place in range(0, len(whole), 3):
        flipped = bytearray(whole)
        flipped[place] ^= 0xFF
        path.write_bytes(flipped)
        try:
            found = read(path)
        except FolderError:
            continue
        assert all(len(content) < 1000 for records in found for _, content in records)


def test_an_entry_without_a_name_is_no_bug(tmp_path):
    """One changed byte makes it so: a name that begins with NUL ends there."""
    path = as_zip(tmp_path / "it.zip", FILES)
    content = path.read_bytes().replace(b"experiment.yaml", b"\0xperiment.yaml")
    path.write_bytes(content)
    (source,) = sources.found(path)
    assert "experiment.yaml" not in source.small and len(dict(source.records())) == 2


def test_a_locked_zip_is_told(tmp_path):
    path = as_zip(tmp_path / "it.zip", FILES)
    content = bytearray(path.read_bytes())
    for start in (b"PK\x03\x04", b"PK\x01\x02"):
        place = -1
        while (place := content.find(start, place + 1)) >= 0:
            content[place + (6 if start.endswith(b"\x04") else 8)] |= 1
    path.write_bytes(content)
    with pytest.raises(FolderError, match=r"cannot be read as an archive: .*encrypted"):
        read(path)


@pytest.mark.parametrize(
    "content", [b"", b"version: 1\n", b"\x1f\x8b garbage", b"PK\x03\x04 garbage"]
)
def test_what_is_neither_is_told(content, tmp_path):
    (tmp_path / "it").write_bytes(content)
    with pytest.raises(FolderError, match=r"neither a folder nor|cannot be read as an archive"):
        read(tmp_path / "it")
