"""Archives of which the same files make the same bytes, on whichever day and by whomever they are made."""

import hashlib
import time
import zipfile

# The earliest that a zip can tell. A function that is as it was is the same zip in the next release, too, and is not
# deployed again.
LONG_AGO = 315_532_800


def pack(archive, files, when=LONG_AGO, compress=True):
    """Makes a zip of `files`, each of whose names stands for its content and whether it can be run."""
    with zipfile.ZipFile(archive, "w") as made:
        for name, (content, runs) in sorted(files.items()):
            entry = zipfile.ZipInfo(name, time.gmtime(when)[:6])
            # As on Unix, where a mode has a file's kind, too: Lambda starts only what may be run.
            entry.create_system = 3
            entry.external_attr = (0o100755 if runs else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
            made.writestr(entry, content, compresslevel=9)


def sums(files):
    """Lines that `sha256sum -c` checks, in the folder in which the files are."""
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in sorted(files)]
    return "".join(lines)
