#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef SPEIL_BYTES
#define SPEIL_BYTES
/* A text in UTF-8 or bytes, without an end mark. */
typedef struct speil_bytes {
    const uint8_t *ptr;
    size_t len;
} speil_bytes;
#endif

/* A row of odd_person. */
typedef struct odd_person_row {
    int64_t person_id; /* person_id: int not null, key */
    speil_bytes type; /* type: nvarchar(50) */
    speil_bytes a_name; /* a name: nvarchar(255) not null */
    double height; /* height: float */
    speil_bytes paid; /* paid: decimal(18,4) */
    int64_t born; /* born: datetime not null */
    speil_bytes photo; /* photo: varbinary(max) */
    speil_bytes row_guid; /* row_guid: uniqueidentifier */
    int64_t class; /* class: int */
    bool null_type;
    bool null_height;
    bool null_paid;
    bool null_photo;
    bool null_row_guid;
    bool null_class;
} odd_person_row;

/* What a plan names as inputs to get whole rows. */
static const char *const odd_person_row_columns[9] = {
    "person_id",
    "type",
    "a name",
    "height",
    "paid",
    "born",
    "photo",
    "row_guid",
    "class",
};
