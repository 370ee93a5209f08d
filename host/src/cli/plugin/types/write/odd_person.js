/**
 * A row of `odd_person`.
 *
 * @typedef {object} OddPerson
 * @property {bigint} person_id `person_id`: int not null, key
 * @property {string | undefined} type `type`: nvarchar(50)
 * @property {string} a_name `a name`: nvarchar(255) not null
 * @property {number | undefined} height `height`: float
 * @property {string | undefined} paid `paid`: decimal(18,4)
 * @property {bigint} born `born`: datetime not null
 * @property {Uint8Array | undefined} photo `photo`: varbinary(max)
 * @property {string | undefined} row_guid `row_guid`: uniqueidentifier
 * @property {bigint | undefined} class_ `class`: int
 */

/** What a plan names as `inputs` to get whole rows. */
export const oddPersonColumns = [
  "person_id",
  "type",
  "a name",
  "height",
  "paid",
  "born",
  "photo",
  "row_guid",
  "class",
];

/**
 * The rows of such a batch.
 *
 * @param {{ values: { val: any[] } }[]} columns
 * @returns {OddPerson[]}
 */
export function oddPersonRows(columns) {
  const values = columns.map((column) => column.values.val);
  return Array.from(values[0], (_, row) => ({
    person_id: values[0][row],
    type: values[1][row],
    a_name: values[2][row],
    height: values[3][row],
    paid: values[4][row],
    born: values[5][row],
    photo: values[6][row],
    row_guid: values[7][row],
    class_: values[8][row],
  }));
}
