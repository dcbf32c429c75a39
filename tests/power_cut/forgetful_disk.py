# SPDX-License-Identifier: Apache-2.0
"""A disk that remembers every write and every flush, so that each power cut can be replayed.

A FUSE file system of one file (the kernel's protocol, spoken here) lies under a loop device; what a
file system on that device writes and flushes comes here one by one. `Recording` then builds the
image that a power cut would have left: all that was flushed, and any subset of the blocks that
were not.
"""
import ctypes
import errno
import os
import struct
import threading

BLOCK = 4096
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, MS_REC, MS_PRIVATE, MNT_DETACH = 0x20000, 0x4000, 0x40000, 2
HEADER = struct.Struct("<IIQQIIIHH")   # struct fuse_in_header
ROOT_NODE, FILE_NODE, FILE_NAME = 1, 2, b"disk"
(LOOKUP, FORGET, GETATTR, SETATTR, OPEN, READ, WRITE, STATFS, RELEASE, FSYNC, FLUSH, INIT, OPENDIR,
 RELEASEDIR, ACCESS, INTERRUPT, DESTROY, BATCH_FORGET) = (
    1, 2, 3, 4, 14, 15, 16, 17, 18, 20, 25, 26, 27, 29, 34, 36, 38, 42)
FOPEN_DIRECT_IO = 1


class Unavailable(Exception):
    """What this machine lacks, for the line of the skip."""


def own_mounts():
    """A mount namespace of our own: whatever happens to us, no mount stays behind."""
    if LIBC.unshare(CLONE_NEWNS) != 0:
        raise Unavailable(f"no mount namespace: {os.strerror(ctypes.get_errno())} (needs root)")
    if LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        raise Unavailable("mounts cannot be made private")


class Recording:
    """What happened to the disk: ("write", offset, bytes), ("flush",), ("mark", value)."""

    def __init__(self):
        self.steps = []
        self.lock = threading.Lock()

    def add(self, *step):
        with self.lock:
            self.steps.append(step)

    def blocks(self, begin, end):
        """[(offset, bytes)] of the blocks written in steps[begin:end], in order."""
        found = []
        for step in self.steps[begin:end]:
            if step[0] != "write":
                continue
            offset, data = step[1], step[2]
            at = 0
            while at < len(data):
                size = min(BLOCK - (offset + at) % BLOCK, len(data) - at)
                found.append((offset + at, data[at:at + size]))
                at += size
        return found


class ForgetfulDisk:
    """Mounts the one file at `folder`/disk; its bytes lie in `image`."""

    def __init__(self, image, folder, recording):
        self.image = os.open(image, os.O_RDWR | os.O_CLOEXEC)
        self.size = os.fstat(self.image).st_size
        self.folder, self.recording = folder, recording
        try:
            self.fuse = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise Unavailable(f"/dev/fuse: {error.strerror}") from error
        options = f"fd={self.fuse},rootmode=40000,user_id=0,group_id=0,allow_other"
        if LIBC.mount(b"forgetful", folder.encode(), b"fuse", 0, options.encode()) != 0:
            raise Unavailable(f"no FUSE mount: {os.strerror(ctypes.get_errno())}")
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def close(self):
        LIBC.umount2(self.folder.encode(), MNT_DETACH)
        self.thread.join(10)
        os.close(self.fuse)
        os.close(self.image)

    def serve(self):
        while True:
            try:
                request = os.read(self.fuse, 2 * 1024 * 1024)
            except OSError as error:
                if error.errno in (errno.EINTR, errno.ENOENT, errno.EAGAIN):
                    continue
                return  # unmounted
            _, opcode, unique, node, *_ = HEADER.unpack_from(request)
            if opcode in (FORGET, BATCH_FORGET, INTERRUPT):
                continue
            try:
                code, body = self.answer(opcode, node, request[HEADER.size:])
            except OSError as error:
                code, body = -error.errno, b""
            except Exception:  # pylint: disable=broad-except
                code, body = -errno.EIO, b""  # an unanswered request would hang the machine
            try:
                os.write(self.fuse, struct.pack("<IiQ", 16 + len(body), code, unique) + body)
            except OSError:
                pass

    def attributes(self, node):
        mode, size = (0o40755, 0) if node == ROOT_NODE else (0o100600, self.size)
        return struct.pack("<QQQQQQIIIIIIIIII", node, size, size // 512, 0, 0, 0, 0, 0, 0,
                           mode, 1, 0, 0, 0, BLOCK, 0)

    def answer(self, opcode, node, body):
        if opcode == INIT:
            flags = 1 << 5 | 1 << 22  # big writes, max_pages
            return 0, struct.pack("<IIIIHHIIHHI7I", 7, 31, 128 * 1024, flags, 16, 12, 128 * 1024,
                                  1, 32, 0, 0, *[0] * 7)
        if opcode == LOOKUP:
            if body.rstrip(b"\0") != FILE_NAME:
                return -errno.ENOENT, b""
            return 0, struct.pack("<QQQQII", FILE_NODE, 0, 3600, 3600, 0, 0) + \
                self.attributes(FILE_NODE)
        if opcode in (GETATTR, SETATTR):
            return 0, struct.pack("<QII", 3600, 0, 0) + self.attributes(node)
        if opcode in (OPEN, OPENDIR):
            return 0, struct.pack("<QII", 1, FOPEN_DIRECT_IO if opcode == OPEN else 0, 0)
        if opcode == READ:
            _, offset, size = struct.unpack_from("<QQI", body)
            return 0, os.pread(self.image, size, offset)
        if opcode == WRITE:
            _, offset, size = struct.unpack_from("<QQI", body)
            data = body[40:40 + size]
            os.pwrite(self.image, data, offset)
            self.recording.add("write", offset, data)
            return 0, struct.pack("<II", size, 0)
        if opcode == FSYNC:
            self.recording.add("flush")
            return 0, b""
        if opcode == STATFS:
            return 0, struct.pack("<QQQQQIIII6I", 1, 1, 1, 1, 1, BLOCK, 255, BLOCK, 0, *[0] * 6)
        if opcode in (FLUSH, RELEASE, RELEASEDIR, ACCESS, DESTROY):
            return 0, b""
        return -errno.ENOSYS, b""


def copy_sparse(source, target):
    """Copies a file, its holes left out."""
    with open(source, "rb") as reads, open(target, "wb") as writes:
        size = os.fstat(reads.fileno()).st_size
        writes.truncate(size)
        at = 0
        while at < size:
            try:
                begin = os.lseek(reads.fileno(), at, os.SEEK_DATA)
            except OSError:
                break  # a hole up to the end
            end = os.lseek(reads.fileno(), begin, os.SEEK_HOLE)
            reads.seek(begin)
            writes.seek(begin)
            writes.write(reads.read(end - begin))
            at = end
