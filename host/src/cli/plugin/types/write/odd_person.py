from dataclasses import dataclass
from typing import ClassVar, Optional


@dataclass
class OddPerson:
    """A row of odd_person."""

    # What a plan names as inputs to get whole rows.
    COLUMNS: ClassVar[list[str]] = [
        "person_id",
        "type",
        "a name",
        "height",
        "paid",
        "born",
        "photo",
        "row_guid",
        "class",
    ]

    person_id: int  # person_id: int not null, key
    type: Optional[str]  # type: nvarchar(50)
    a_name: str  # a name: nvarchar(255) not null
    height: Optional[float]  # height: float
    paid: Optional[str]  # paid: decimal(18,4)
    born: int  # born: datetime not null
    photo: Optional[bytes]  # photo: varbinary(max)
    row_guid: Optional[str]  # row_guid: uniqueidentifier
    class_: Optional[int]  # class: int

    @classmethod
    def rows(cls, columns) -> "list[OddPerson]":
        """The rows of such a batch."""
        return [cls(*row) for row in zip(*(column.values.value for column in columns))]
