"""Floor 4: files. Tables and what turns them into a network's input, and networks kept on disk."""

from mlpcore.io.digits import digits_preprocessing, digits_table, load_digits
from mlpcore.io.files import write_atomically
from mlpcore.io.models import load, load_preprocessing, save
from mlpcore.io.preprocessing import Preprocessing
from mlpcore.io.readers import read_table
from mlpcore.io.split import split
from mlpcore.io.tables import Table

__all__ = [
    "Preprocessing",
    "Table",
    "digits_preprocessing",
    "digits_table",
    "load",
    "load_digits",
    "load_preprocessing",
    "read_table",
    "save",
    "split",
    "write_atomically",
]
