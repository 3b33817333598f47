"""Floor 4: files. Tables made ready for networks, and networks kept or handed on."""

from mlpcore.io.digits import digits_preprocessing, digits_table, load_digits
from mlpcore.io.files import write_atomically
from mlpcore.io.models import load, load_preprocessing, save
from mlpcore.io.onnx_model import export_onnx
from mlpcore.io.preprocessing import Preprocessing
from mlpcore.io.python_file import export_python
from mlpcore.io.readers import read_table
from mlpcore.io.split import split
from mlpcore.io.tables import Table
from mlpcore.io.torch_state import load_torch_state_dict, torch_state_dict

__all__ = [
    "Preprocessing",
    "Table",
    "digits_preprocessing",
    "digits_table",
    "export_onnx",
    "export_python",
    "load",
    "load_digits",
    "load_preprocessing",
    "load_torch_state_dict",
    "read_table",
    "save",
    "split",
    "torch_state_dict",
    "write_atomically",
]
