"""One thing about Snakemake that the workflow needs otherwise.

Vectors are removed after use, and made again when something new reads them: a new target of
transfer, a new task. By its documentation an `ancient` input has no effect on which jobs run; but
Snakemake 9.27 keeps to that only for files that exist, so that whoever has read the vectors before
would run again with whoever reads them now.
"""

from snakemake.io import Mtime, _IOFile

_exists, _mtime_uncached = _IOFile.exists, _IOFile.mtime_uncached


def ignore_missing_ancient_inputs() -> None:
    """Have Snakemake take an `ancient` input for a file that exists, as old as can be, in planning.

    A job that runs for another reason still has the file made first: that is decided by the output
    of the job that makes it, which is not marked.
    """

    async def exists(self: _IOFile) -> bool:
        return self.is_ancient or await _exists(self)

    async def mtime_uncached(self: _IOFile, skip_storage: bool = False) -> Mtime:
        if self.is_ancient and not await _exists(self):
            return Mtime(local=0.0)
        return await _mtime_uncached(self, skip_storage=skip_storage)

    _IOFile.exists, _IOFile.mtime_uncached = exists, mtime_uncached


def heed_missing_ancient_inputs() -> None:
    """Undo it, once all is planned: a job that is to start must see what is not there yet."""
    _IOFile.exists, _IOFile.mtime_uncached = _exists, _mtime_uncached
