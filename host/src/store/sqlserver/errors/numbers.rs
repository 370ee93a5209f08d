//! SQL Server's error numbers, and what they mean for a mirror.
//!
//! From the public lists: `sys.messages`, "Troubleshoot transient connection errors" of Azure SQL, and what .NET's own retry logic
//! takes for transient.

use crate::store::StoreErrorKind;
use crate::store::StoreErrorKind::{Corrupt, Environment, Internal, Row, Schema, Transient, UnknownTable};

/// What is known about some numbers.
pub(super) struct Known {
    pub numbers: &'static [u32],
    pub kind: StoreErrorKind,
    /// What happened.
    pub what: &'static str,
    /// What to do; may be empty where the caller knows better.
    pub advice: &'static str,
}

/// What is known about a number.
pub(super) fn find(number: u32) -> Option<&'static Known> {
    TABLE.iter().find(|known| known.numbers.contains(&number))
}

const fn known(numbers: &'static [u32], kind: StoreErrorKind, what: &'static str, advice: &'static str) -> Known {
    Known { numbers, kind, what, advice }
}

/// No number stands twice.
pub(super) const TABLE: &[Known] = &[
    known(&[1205], Transient, "the database chose this transaction as a deadlock's victim", "repeat the call"),
    known(&[1222], Transient, "a lock was not given in time", "repeat the call"),
    known(&[8179], Transient, "the server has forgotten a statement that was made ready", "repeat the call"),
    known(&[1204], Transient, "the server has no locks left", "repeat the call"),
    known(
        &[3960, 3961, 41_301, 41_302, 41_305, 41_325, 41_839],
        Transient,
        "another transaction changed the same rows meanwhile",
        "repeat the call",
    ),
    known(&[3956, 2801, 1219], Transient, "the database changed while the statement ran", "repeat the call"),
    known(
        &[701, 802, 8645, 8651],
        Transient,
        "the server has too little memory just now",
        "repeat the call; if it lasts, the server needs more",
    ),
    known(
        &[64, 121, 232, 233, 10_053, 10_054, 10_060, 10_061, 11_001],
        Transient,
        "the connection to the server was lost",
        "repeat the call",
    ),
    known(
        &[596, 6001, 6002, 6005, 6006, 17_142, 17_148, 17_187, 17_197, 18_401],
        Transient,
        "the server is starting, stopping or paused, or ended the session",
        "repeat the call",
    ),
    known(
        &[17_809, 17_810, 17_830],
        Transient,
        "the server has as many connections as it allows",
        "repeat the call; if it lasts, lower `max_connections` or raise the server's limit",
    ),
    known(
        &[921, 922, 923, 927, 952, 954, 955, 957, 913],
        Transient,
        "the database is being started, restored or changed over",
        "repeat the call",
    ),
    known(
        &[924],
        Transient,
        "the database is in single-user mode and somebody else is in it",
        "repeat the call when the maintenance is over",
    ),
    known(
        &[976, 978, 979, 982, 983, 988],
        Transient,
        "this server's copy of the database does not take connections in its availability group now, as in a failover",
        "repeat the call; if it lasts, connect to the group's listener, not to one server",
    ),
    known(&[35_250, 41_131, 41_142, 41_144], Transient, "the availability group is changing over", "repeat the call"),
    known(
        &[40_197, 40_143, 40_166, 40_540, 40_020, 40_642],
        Transient,
        "Azure is moving or updating the database",
        "repeat the call",
    ),
    known(
        &[40_501, 49_918, 49_919, 49_920, 10_928, 10_929, 10_930, 10_936, 45_168, 45_169],
        Transient,
        "Azure's limits for the database are reached just now",
        "repeat the call; if it lasts, give the database or pool more resources",
    ),
    known(
        &[40_613, 42_108, 42_109, 4221, 615],
        Transient,
        "the database is not available just now, as when Azure wakes or moves it",
        "repeat the call",
    ),
    known(
        &[40_549, 40_550, 40_551, 40_553],
        Transient,
        "Azure ended the session, because its transaction took too long or too much",
        "repeat the call; if it lasts, send smaller batches",
    ),
    known(
        &[3989, 3902, 3903, 3930, 266, 3992],
        Internal,
        "a transaction is not in the state it should be in",
        "please report this to the makers of speil",
    ),
    known(
        &[18_456],
        Environment,
        "the login fails",
        "check `User ID` and `Password`, that the login exists and is enabled, that the server allows SQL logins \
         (mixed mode), and that the login may use the database; the server's error log has the exact reason",
    ),
    known(
        &[18_452],
        Environment,
        "the login fails, since it is a Windows account the server does not trust",
        "use a SQL login, or run speil under an account of the server's domain",
    ),
    known(&[18_470], Environment, "the login is disabled", "an administrator must run: ALTER LOGIN [the login] ENABLE"),
    known(
        &[18_486],
        Environment,
        "the login is locked",
        "an administrator must run: ALTER LOGIN [the login] WITH PASSWORD = '…' UNLOCK",
    ),
    known(
        &[18_487, 18_488],
        Environment,
        "the login's password has expired or must be changed",
        "change it, or switch CHECK_EXPIRATION off for this login",
    ),
    known(
        &[18_451, 18_461],
        Environment,
        "the server lets only administrators in just now",
        "wait for the end of the maintenance",
    ),
    known(
        &[4060],
        Environment,
        "the database cannot be opened",
        "check that it exists, that it is online, and that the login has a user in it (CREATE USER … FOR LOGIN \
         …); after a failover it may come by itself",
    ),
    known(&[911], Environment, "there is no such database", "check the name, or let an administrator create it"),
    known(
        &[4064],
        Environment,
        "the login's default database cannot be opened",
        "name a database in the connection string, or change the login's default",
    ),
    known(
        &[916],
        Environment,
        "the login has no user in the database",
        "an administrator must create one: CREATE USER … FOR LOGIN …",
    ),
    known(
        &[942, 945],
        Environment,
        "the database is offline or its files cannot be reached",
        "an administrator must bring it online",
    ),
    known(
        &[40_615, 40_914, 40_915, 47_073, 40_532],
        Environment,
        "Azure's firewall does not let this machine in",
        "allow its address, or its network, in the server's networking settings",
    ),
    known(
        &[33_155, 33_159, 37_186, 33_134],
        Environment,
        "the server does not take this identity of Entra ID",
        "create a user for it in the database: CREATE USER [name of the identity] FROM EXTERNAL PROVIDER",
    ),
    known(
        &[229, 230, 262, 297, 300, 371, 10_297, 15_151, 15_247, 15_165, 21_089, 1088, 4701, 4902, 3704, 4613],
        Environment,
        "the login lacks a permission, or the thing is not there",
        "have an administrator grant what the message names, or make the login's user a member of db_owner in the \
         mirror's database",
    ),
    known(
        &[1801, 5170],
        Environment,
        "a database or file of that name is there already",
        "use another name, or remove what is in the way",
    ),
    known(
        &[1803, 1807, 1802, 5105, 5123],
        Environment,
        "the database cannot be created",
        "look into the server's error log; the model database may be in use, or the folder may be missing",
    ),
    known(
        &[1101, 1105, 5149, 5144, 5145],
        Environment,
        "the database's files are full",
        "make room on the disk, or let the files grow; the next call carries on from there",
    ),
    known(
        &[9002, 40_552],
        Environment,
        "the transaction log is full",
        "back the log up, make room, or let it grow; the next call carries on from there",
    ),
    known(
        &[40_544],
        Environment,
        "the database has reached its greatest size",
        "raise its MAXSIZE or tier, or remove data",
    ),
    known(
        &[3906, 3908, 5004],
        Environment,
        "the database is read-only",
        "an administrator must run ALTER DATABASE … SET READ_WRITE; in an availability group connect to the \
         listener, which leads to the primary",
    ),
    known(
        &[8628, 8657, 3624, 8630, 8680],
        Environment,
        "the server failed inside itself",
        "look into the server's error log, and update it",
    ),
    known(&[2627, 2601], Row, "a row with the same key is there already", ""),
    known(&[515], Row, "a column that may not be empty would be NULL", ""),
    known(
        &[547],
        Row,
        "a constraint of the table refuses a row",
        "mirrored tables should have no foreign keys or checks of others; remove it",
    ),
    known(&[8152, 2628], Row, "a text or binary value is longer than its column", ""),
    known(&[220, 8115, 8134], Row, "a number does not fit its column", ""),
    known(
        &[241, 242, 244, 245, 248, 257, 293, 295, 296, 517, 8114, 8169, 9807, 210, 206],
        Row,
        "a value does not fit its column's type",
        "",
    ),
    known(&[511, 1776, 8623], Row, "a row is larger than the 8,060 bytes a row may have", ""),
    known(
        &[4815, 4816, 4863, 4864, 4865, 4866, 7339, 7341, 8023, 9803],
        Row,
        "a value of a bulk load does not fit its column",
        "",
    ),
    known(
        &[
            9400, 9401, 9402, 9403, 9404, 9405, 9406, 9407, 9408, 9409, 9410, 9411, 9412, 9413, 9414, 9415, 9416, 9417,
            9418, 9419, 9420, 9421, 9422, 9423, 9424, 9425, 9426, 9427, 9428, 9429, 9430, 9431, 9432, 9433, 9434, 9435,
            9436, 9437, 9438, 9439, 9440, 9441, 9442, 9443, 9444, 9445, 9446, 9447, 9448, 9449, 9450, 9451, 9452, 9453,
            9454, 9455, 9456, 9457, 9458, 9459,
        ],
        Row,
        "a value is not well-formed XML",
        "",
    ),
    known(&[1934], Internal, "a session setting is not as it must be", "please report this to the makers of speil"),
    known(
        &[
            823, 824, 825, 605, 601, 602, 832, 926, 3313, 3314, 3414, 3417, 3456, 5242, 5243, 7105, 8928, 8939, 8976,
            9001, 9003, 9004,
        ],
        Corrupt,
        "the database is damaged, or its disk is",
        "an administrator must run DBCC CHECKDB and look at the disk; restore the database from a backup, or drop \
         it so that the tenant is mirrored anew",
    ),
    known(&[208], UnknownTable, "there is no such table", "the next TableSchema call makes it again"),
    known(
        &[207],
        Schema,
        "a column is missing: somebody changed the table",
        "the next change of its schema, or `speil resync` after dropping the table, makes it anew",
    ),
    known(
        &[213, 110, 120, 8101, 544],
        Schema,
        "the table's columns are not as expected: somebody changed the table",
        "drop the table, so that the next TableSchema call makes it anew",
    ),
    known(&[2714, 2705, 1913, 15_530, 2759, 15_023], Schema, "something of that name is there already", ""),
    known(
        &[2760],
        Schema,
        "there is no such schema",
        "check `schema` of the configuration, or create it: CREATE SCHEMA …",
    ),
    known(
        &[3701, 3702, 3723, 3724, 3725, 3726, 3732],
        Schema,
        "a table or database cannot be dropped",
        "something uses it: a view with SCHEMABINDING, a foreign key, replication, an open connection; remove that",
    ),
    known(
        &[4901, 4922, 4924, 4928, 4929, 5074, 5061, 8111, 1750, 1781, 1778, 1779, 1785],
        Schema,
        "the table cannot be changed",
        "something of others depends on the column, or rows do not fit; where it can, speil makes the table anew",
    ),
    known(&[1505], Schema, "a unique index cannot be made: rows are equal in its columns", ""),
    known(
        &[1701, 1702, 1904, 1909, 1911, 1919, 1942, 1946, 1975, 2725, 2552, 2726],
        Schema,
        "the server cannot have such a table or index",
        "",
    ),
    known(
        &[468, 457, 446, 451],
        Schema,
        "columns of different collations meet",
        "please report this to the makers of speil",
    ),
    known(
        &[102, 103, 105, 137, 156, 170, 201, 203, 319, 8144, 8145, 8178, 8003, 2812, 195, 174],
        Internal,
        "the database does not understand a statement",
        "please report this to the makers of speil",
    ),
    known(
        &[40_510, 40_511, 40_514, 40_517, 40_518, 40_520],
        Environment,
        "Azure SQL does not have this",
        "use another server, or report it to the makers of speil",
    ),
];
