"""Data of Claimgraph: vocabulary, code lists, alignments, shapes, messages, questions and the seed article.

The only code is the two functions that read the data and the generated enumerations of :mod:`ontology.terms`. The
package does not parse RDF and imports no other package of the project.
"""

from importlib import resources


def read(name: str) -> str:
    """Return the text of the data file ``name``, a path inside this package such as ``"claimgraph.ttl"``.

    Raises:
        FileNotFoundError: the file does not exist.
    """
    file = resources.files(__name__).joinpath(name)
    if not file.is_file():
        raise FileNotFoundError(f"no data file {name!r} in package {__name__!r}")
    return file.read_text(encoding="utf-8")


def names(folder: str, suffix: str) -> list[str]:
    """Return, sorted, the names of the files in ``folder`` that end in ``suffix``, as paths for :func:`read`.

    ``folder`` is a path inside this package; the empty string is the package itself.

    Raises:
        FileNotFoundError: the folder does not exist.
    """
    directory = resources.files(__name__).joinpath(folder)
    if not directory.is_dir():
        raise FileNotFoundError(f"no folder {folder!r} in package {__name__!r}")
    prefix = f"{folder}/" if folder else ""
    return sorted(prefix + file.name for file in directory.iterdir() if file.is_file() and file.name.endswith(suffix))
