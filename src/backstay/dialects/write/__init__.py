"""The statements of a write: the change itself, the check of the new rows, and the rows it answers with."""

from backstay.dialects.write.statements import (
    Altering,
    Deleting,
    Inserting,
    Start,
    Writing,
    compile_write,
    made_columns,
    rows_of,
)

__all__ = ["Altering", "Deleting", "Inserting", "Start", "Writing", "compile_write", "made_columns", "rows_of"]
