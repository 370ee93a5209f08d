//! What a server may lack that the real one has. Each is tried on the server itself; cases that need what is lacking are left out
//! by name.

use std::time::Duration;

use speil::task::hand::{Hand, SqlServerHand};

use super::Place;

/// Something that SQL Server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// `sp_getapplock` keeps a second session out.
    Applock,
    /// A reader is not blocked by a writer's transaction (READ_COMMITTED_SNAPSHOT).
    ReadersGoOn,
    /// A table can be changed while another session's transaction has read from it.
    ChangeBehindReader,
    /// `ALTER COLUMN ... NOT NULL` and back.
    AlterNullability,
    /// The catalogue keeps names as they were written.
    NamesKeepTheirCase,
    /// Names of more than 63 bytes are kept.
    LongNames,
    /// Names of tables and columns keep letters outside every code page of one byte, and outside the basic plane.
    UnicodeNames,
    /// A text may hold the character 0.
    NulInText,
    /// A database's name may hold anything.
    AnyDatabaseName,
    /// A database can be dropped while others are in it.
    DropInUse,
    /// `ALTER COLUMN` can give a text column another collation.
    AlterCollation,
    /// A column can be dropped although a view that is not bound to it reads it.
    DropBehindView,
    /// A database whose name takes more than 63 bytes can be entered.
    LongDatabaseNames,
    /// Moments keep the seventh digit of a second.
    SeventhDigit,
    /// A table may have the name of a type, and the catalogue can be read all the same.
    TypeNamesForTables,
    /// A database can be made read-only.
    ReadOnly,
    /// A database can be taken offline.
    Offline,
}

impl Feature {
    pub const ALL: [Self; 17] = [
        Self::Applock,
        Self::ReadersGoOn,
        Self::ChangeBehindReader,
        Self::AlterNullability,
        Self::NamesKeepTheirCase,
        Self::LongNames,
        Self::UnicodeNames,
        Self::NulInText,
        Self::AnyDatabaseName,
        Self::DropInUse,
        Self::AlterCollation,
        Self::DropBehindView,
        Self::LongDatabaseNames,
        Self::SeventhDigit,
        Self::TypeNamesForTables,
        Self::ReadOnly,
        Self::Offline,
    ];

    /// Why a case that needs it cannot be run.
    pub const fn lacking(self) -> &'static str {
        match self {
            Self::Applock => "sp_getapplock lets two sessions have one lock",
            Self::ReadersGoOn => "a reader waits for a writer's transaction",
            Self::ChangeBehindReader => "a table cannot be changed while a transaction that has read from it is open",
            Self::AlterNullability => "ALTER COLUMN cannot change whether NULL is allowed",
            Self::NamesKeepTheirCase => "the catalogue shows names in lower case",
            Self::LongNames => "names longer than 63 bytes are cut off in the catalogue",
            Self::UnicodeNames => {
                "names lose letters that its code page does not have, or its answers cut off names of columns"
            }
            Self::NulInText => "a text cannot hold the character 0",
            Self::AnyDatabaseName => "a database's name cannot hold every character",
            Self::AlterCollation => "ALTER COLUMN cannot change a collation",
            Self::DropBehindView => "a column that a view reads cannot be dropped",
            Self::DropInUse => "a database that somebody is in cannot be dropped",
            Self::LongDatabaseNames => "nobody gets into a database whose name is longer than 63 bytes",
            Self::TypeNamesForTables => "the catalogue cannot be read any more once a table is called \"text\"",
            Self::ReadOnly => "a database cannot be made read-only",
            Self::Offline => "a database cannot be taken offline",
            Self::SeventhDigit => "times and moments keep six digits of a second at most",
        }
    }

    /// Tries it in a database made for that.
    #[expect(clippy::too_many_lines, reason = "one probe for each feature")]
    async fn is_there(self, hand: &SqlServerHand) -> Result<bool, String> {
        match self {
            Self::Applock => {
                let take = |wait: u32| {
                    format!(
                        "SET NOCOUNT ON; BEGIN TRANSACTION; DECLARE @got int; EXEC @got = sp_getapplock @Resource = \
                         'speil_probe', @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = {wait}; SELECT @got"
                    )
                };
                let (mut one, mut two) = (hand.connect().await?, hand.connect().await?);
                one.rows(&take(5_000)).await?;
                let second = two.rows(&take(100)).await;
                Ok(second.map_or(true, |rows| rows.concat().iter().flatten().all(|got| got.starts_with('-'))))
            }
            Self::ReadersGoOn => {
                let (mut one, mut two) = (hand.connect().await?, hand.connect().await?);
                // Refused where it needs no asking.
                let _ = one
                    .run(&format!(
                        "ALTER DATABASE \"{}\" SET READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK IMMEDIATE",
                        hand.database()
                    ))
                    .await;
                let mut one = hand.connect().await.or(Err("lost")).unwrap_or(one);
                one.run("CREATE TABLE readers (a int)").await?;
                one.run("BEGIN TRANSACTION; INSERT INTO readers VALUES (1)").await?;
                if two.run("SELECT 1").await.is_err() {
                    two = hand.connect().await?;
                }
                Ok(in_time(two.rows("SELECT count(*) FROM readers")).await)
            }
            Self::ChangeBehindReader => {
                let (mut one, mut two) = (hand.connect().await?, hand.connect().await?);
                one.run("CREATE TABLE behind (a int)").await?;
                one.run("BEGIN TRANSACTION; SELECT * FROM behind").await?;
                Ok(in_time(two.rows("TRUNCATE TABLE behind; ALTER TABLE behind ADD b int NULL; DROP TABLE behind"))
                    .await)
            }
            Self::AlterNullability => {
                let mut one = hand.connect().await?;
                one.run("CREATE TABLE nullability (a int NULL)").await?;
                let strict = one.run("ALTER TABLE nullability ALTER COLUMN a int NOT NULL").await.is_ok()
                    && one.run("INSERT INTO nullability VALUES (NULL)").await.is_err();
                Ok(strict && one.run("ALTER TABLE nullability ALTER COLUMN a int NULL").await.is_ok())
            }
            Self::NamesKeepTheirCase => {
                let mut one = hand.connect().await?;
                one.run("CREATE TABLE CaSe (CoLumn int)").await?;
                let found = one.rows("SELECT c.name FROM sys.columns c WHERE c.object_id = object_id('CaSe')").await?;
                Ok(found == [[Some("CoLumn".to_owned())]])
            }
            Self::LongNames => {
                let name = "Å".repeat(128);
                let mut one = hand.connect().await?;
                one.run(&format!("CREATE TABLE \"{name}\" (a int)")).await?;
                let found = one.rows("SELECT name FROM sys.tables").await?;
                Ok(found.concat().contains(&Some(name)))
            }
            Self::UnicodeNames => {
                let mut one = hand.connect().await?;
                one.run("CREATE TABLE \"\u{212a}elvin \u{1f642}\" (\"\u{1f642}\" int)").await?;
                // Some count letters where halves of letters are to be counted; the driver then reads no more.
                if hand.connect().await?.rows("SELECT * FROM \"\u{212a}elvin \u{1f642}\"").await.is_err() {
                    return Ok(false);
                }
                let found = one.rows("SELECT CAST(name AS nvarchar(128)) FROM sys.tables").await?;
                let name = "\u{212a}elvin \u{1f642}".to_owned();
                Ok(found.concat().contains(&Some(name))
                    && one.run("DROP TABLE \"\u{212a}elvin \u{1f642}\"").await.is_ok())
            }
            Self::NulInText => {
                let mut one = hand.connect().await?;
                Ok(one.rows("SELECT NCHAR(0) + N'x'").await.is_ok_and(|rows| rows == [[Some("\0x".to_owned())]]))
            }
            Self::AnyDatabaseName => {
                let name = format!("{}/\\:'; 日本 \u{c5}\u{d8}", hand.database());
                let other = Hand::SqlServer(hand.beside(&name));
                if other.run("SELECT 1").await.is_err() {
                    return Ok(false);
                }
                other.remove().await.map(|()| true)
            }
            Self::LongDatabaseNames => enters_the_longest_name(hand).await,
            Self::TypeNamesForTables => reads_beside_a_table_called_text(hand).await,
            Self::ReadOnly => {
                hand.connect().await?.run("CREATE TABLE written (a int)").await?;
                let set = Hand::SqlServer(hand.beside("master"));
                let alter = |how| format!("ALTER DATABASE \"{}\" SET {how} WITH ROLLBACK IMMEDIATE", hand.database());
                set.run(&alter("READ_ONLY")).await?;
                let refuses = hand.connect().await?.run("INSERT INTO written VALUES (1)").await.is_err();
                set.run(&alter("READ_WRITE")).await?;
                Ok(refuses && hand.connect().await?.run("INSERT INTO written VALUES (1)").await.is_ok())
            }
            Self::Offline => {
                let set = Hand::SqlServer(hand.beside("master"));
                let alter = |how| format!("ALTER DATABASE \"{}\" SET {how} WITH ROLLBACK IMMEDIATE", hand.database());
                set.run(&alter("OFFLINE")).await?;
                let refuses = hand.connect().await.is_err();
                set.run(&alter("ONLINE")).await?;
                Ok(refuses && hand.connect().await.is_ok())
            }
            Self::SeventhDigit => keeps_the_seventh_digit(hand).await,
            Self::AlterCollation => {
                let mut one = hand.connect().await?;
                one.run("CREATE TABLE collations (a nvarchar(9) NULL)").await?;
                let change = "ALTER TABLE collations ALTER COLUMN a nvarchar(9) COLLATE Latin1_General_100_BIN2 NULL";
                Ok(one.run(change).await.is_ok())
            }
            Self::DropBehindView => {
                let mut one = hand.connect().await?;
                one.run("CREATE TABLE viewed (a int NULL, b int NULL)").await?;
                one.run("CREATE VIEW viewer AS SELECT b FROM viewed").await?;
                Ok(one.run("ALTER TABLE viewed DROP COLUMN b").await.is_ok())
            }
            Self::DropInUse => {
                let _in_it = hand.connect().await?;
                Hand::SqlServer(hand.clone()).remove().await.map(|()| true)
            }
        }
    }
}

/// See [`Feature::LongDatabaseNames`].
async fn enters_the_longest_name(hand: &SqlServerHand) -> Result<bool, String> {
    let name = hand.database();
    let longest = format!("{name}{}", "\u{d8}".repeat(123 - name.chars().count()));
    Ok(Hand::SqlServer(hand.beside(&longest)).run("SELECT 1").await.is_ok())
}

/// See [`Feature::SeventhDigit`].
async fn keeps_the_seventh_digit(hand: &SqlServerHand) -> Result<bool, String> {
    let mut one = hand.connect().await?;
    one.run("CREATE TABLE digits (a datetime2(7), b time(7), c datetimeoffset(7))").await?;
    one.run(
        "INSERT INTO digits VALUES ('2020-05-18 10:40:43.1234567', '10:40:43.1234567', '2020-05-18 10:40:43.1234567 +01:00')",
    )
    .await?;
    let kept = "SELECT CONVERT(nvarchar(40), a, 121), CONVERT(nvarchar(40), b, 121), CONVERT(nvarchar(40), c, 121) FROM digits";
    let rows = one.rows(kept).await?.concat();
    let whole = rows.iter().flatten().filter(|text| text.contains(":43.1234567"));
    Ok(whole.count() == 3)
}

/// See [`Feature::TypeNamesForTables`].
async fn reads_beside_a_table_called_text(hand: &SqlServerHand) -> Result<bool, String> {
    hand.connect().await?.run("CREATE TABLE \"text\" (a int)").await?;
    // Connections that looked before go on as if nothing had been.
    let mut new = hand.connect().await?;
    Ok(new.rows("SELECT name, max_length FROM sys.columns WHERE name = 'a'").await.is_ok())
}

/// Whether it ends well and soon; what does not is left, and its connection with it.
async fn in_time<T>(work: impl Future<Output = Result<T, String>>) -> bool {
    tokio::time::timeout(Duration::from_secs(3), work).await.is_ok_and(|outcome| outcome.is_ok())
}

/// What this server lacks.
///
/// # Panics
/// The server cannot be reached, or a database cannot be made there.
pub async fn lacking(place: &Place) -> Vec<Feature> {
    let mut lacking = Vec::new();
    for (number, feature) in Feature::ALL.into_iter().enumerate() {
        // Each in a database of its own: what one leaves open is in no other's way.
        let hand = place.hand(&format!("probe{number}"));
        Hand::SqlServer(hand.clone())
            .run("SELECT 1")
            .await
            .unwrap_or_else(|error| panic!("no database can be made: {error}"));
        match Box::pin(feature.is_there(&hand)).await {
            Ok(true) => {}
            // Trying it must not go wrong on a server that has it.
            Ok(false) | Err(_) => lacking.push(feature),
        }
    }
    lacking
}
