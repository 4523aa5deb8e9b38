"""Revisions of a repository on a hub as checkpoints."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from chronoglot.checkpoints.complete import is_whole
from chronoglot.checkpoints.folders import CONFIG, TOKENIZER_FILES, assemble, weight_files
from chronoglot.runtime.errors import UserError

_ATTEMPTS, _LONGEST_WAIT = 5, 60  # seconds
_BRING = (
    "run the download on a machine that reaches the hub, or bring its Hugging Face cache and set "
    "HF_HOME to it and HF_HUB_OFFLINE to 1"
)


def snapshot(
    repository: str,
    revision: str,
    folder: str | Path,
    *,
    endpoint: str | None = None,
    local_files_only: bool | None = None,
    tokenizer: str | Path | None = None,
) -> str:
    """Make `folder` a checkpoint of a run: one revision of a repository; returns its commit.

    The files lie in the cache of `huggingface_hub` (`HF_HOME` says where), linked from here, and
    what is in it already is not fetched again; `local_files_only` takes them from there alone, and
    so does `HF_HUB_OFFLINE` where that is not said. The hub is `HF_ENDPOINT`, unless an `endpoint`
    is given. An attempt that fails for a reason that may pass is made again, after a growing pause.
    `tokenizer` is a folder to take the tokenizer from instead.

    Raises UserError if the repository or the revision is not there or lacks something, or the hub
    cannot be reached.
    """
    name = f"{repository}, revision {revision}"
    with _told(repository, revision):
        from huggingface_hub import is_offline_mode

        offline = is_offline_mode() if local_files_only is None else local_files_only
        find = _cached if offline else _online
        commit, names, fetch = find(repository, revision, endpoint)
        where = f"{name}, in its cache here" if offline else name
        if CONFIG not in names:
            raise UserError(f"{where}: has no {CONFIG}")
        weights = weight_files(names, fetch)
        if not weights:
            raise UserError(f"{where}: has no weights that can be read, such as model.safetensors")
        if absent := [file for file in weights if file not in names]:
            raise UserError(f"{where}: has no {absent[0]}")
        files = {file: fetch(file) for file in [CONFIG, *weights]}
        own = {file: fetch(file) for file in TOKENIZER_FILES if file in names}
    for file in weights:
        if not is_whole(files[file]):
            raise UserError(f"{files[file]}: cut short; delete it and run again")
    origin = {"repository": repository, "revision": revision, "commit": commit}
    assemble(files, Path(tokenizer) if tokenizer else own, folder, origin)
    return commit


# The commit of a revision, the names of its files, and what gives the path of one.
_Files = tuple[str, set[str], Callable[[str], Path]]


def _online(repository: str, revision: str, endpoint: str | None) -> _Files:
    """What the hub has, fetched if it is not in the cache."""
    from huggingface_hub import HfApi
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

    patiently = Retrying(
        retry=retry_if_exception(_may_pass),
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_exponential(max=_LONGEST_WAIT),
        reraise=True,
    )
    api = HfApi(endpoint=endpoint)
    # All files are then of one commit, even if the revision is a branch that moves.
    resolved = patiently(api.resolve_revision, repository, revision=revision)
    info = patiently(api.model_info, repository, revision=resolved.resolved)

    def fetch(file: str) -> Path:
        return Path(patiently(api.hf_hub_download, repository, file, revision=resolved))

    return resolved.resolved, {file.rfilename for file in info.siblings or ()}, fetch


def _cached(repository: str, revision: str, endpoint: str | None) -> _Files:
    """What the cache has."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import LocalEntryNotFoundError

    # Of the weights one format is enough, and which is there is seen afterwards.
    needed = [CONFIG, *TOKENIZER_FILES]
    try:
        folder = HfApi(endpoint=endpoint).snapshot_download(
            repository, revision=revision, local_files_only=True, allow_patterns=needed
        )
    except LocalEntryNotFoundError as error:
        raise UserError(
            f"{repository}, revision {revision}: not in the Hugging Face cache of this machine, "
            f"beyond which offline nothing is looked for; {_BRING}"
        ) from error
    place = Path(folder)
    return place.name, {entry.name for entry in place.iterdir()}, place.joinpath


def _may_pass(error: BaseException) -> bool:
    from httpx2 import TransportError
    from huggingface_hub.errors import (
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RevisionResolutionError,
    )

    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        return status in (408, 429) or status >= 500
    return isinstance(error, TransportError | LocalEntryNotFoundError | RevisionResolutionError)


@contextmanager
def _told(repository: str, revision: str) -> Iterator[None]:
    """What the hub's client raises, as errors that the user can mend."""
    from httpx2 import TransportError
    from huggingface_hub import errors

    name = f"{repository}, revision {revision}"
    try:
        yield
    except errors.GatedRepoError as error:
        raise UserError(
            f"{repository}: accept its licence on the hub, and set HF_TOKEN to your token"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise UserError(
            f"{repository}: no such repository on the hub; for a private one set HF_TOKEN"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise UserError(f"{name}: the repository has no such revision") from error
    except (OSError, TransportError, errors.RevisionResolutionError) as error:
        raise UserError(f"{name}: cannot be had ({error}); {_BRING}") from error
    except ValueError as error:
        raise UserError(f"{name}: {error}") from error
