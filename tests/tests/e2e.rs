//! The program itself, end to end, with mirrors in SQLite files.

speil_tests::for_every_e2e_case!(e2e_tests);
