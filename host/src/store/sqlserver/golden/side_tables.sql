-- side tables, new and completed
CREATE TABLE [dbo].[speil_meta] (name nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY, value nvarchar(512));
CREATE TABLE [dbo].[speil_tables] (folded nvarchar(256) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY, tablename nvarchar(128), owned int NOT NULL DEFAULT 0, made_as nvarchar(128), ticket bigint, row_count bigint, last_change_at bigint, last_confirmed_at bigint, fill_started_at bigint, error_at bigint, error_message nvarchar(max), error_row bigint, error_column nvarchar(256), gone_at bigint, cycle_inserts bigint NOT NULL DEFAULT 0, cycle_updates bigint NOT NULL DEFAULT 0, cycle_deletes bigint NOT NULL DEFAULT 0, gap int NOT NULL DEFAULT 0, last_write nvarchar(64));
CREATE TABLE [dbo].[speil_cycles] (id bigint NOT NULL PRIMARY KEY, started_at bigint NOT NULL DEFAULT 0, last_call_at bigint NOT NULL DEFAULT 0, completed_at bigint, calls bigint NOT NULL DEFAULT 0, failed_calls bigint NOT NULL DEFAULT 0, inserts bigint NOT NULL DEFAULT 0, updates bigint NOT NULL DEFAULT 0, deletes bigint NOT NULL DEFAULT 0, reported_inserts bigint, reported_updates bigint, reported_deletes bigint, mismatches nvarchar(max));
CREATE TABLE [dbo].[speil_events] (id bigint IDENTITY(1,1) NOT NULL PRIMARY KEY, at bigint NOT NULL DEFAULT 0, level int NOT NULL DEFAULT 0, kind nvarchar(256), operation nvarchar(256), tablename nvarchar(256), message nvarchar(max), advice nvarchar(max));
CREATE TABLE [dbo].[speil_values] (id nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY, plugin nvarchar(256) COLLATE Latin1_General_100_BIN2, name nvarchar(512) COLLATE Latin1_General_100_BIN2, value varbinary(max));
CREATE TABLE [dbo].[speil_quarantine] (id nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY, folded nvarchar(256) COLLATE Latin1_General_100_BIN2, tablename nvarchar(128), row_key nvarchar(max), at bigint NOT NULL DEFAULT 0, plugin nvarchar(256), version nvarchar(64), error nvarchar(max), op nvarchar(1), cells nvarchar(max));
CREATE TABLE [dbo].[Cust10195_mirroring] (tablename nvarchar(128) NOT NULL, LSN bigint, speil_hash nvarchar(64), speil_kind nvarchar(16), speil_fill int, speil_ticket bigint, speil_definition nvarchar(max));
ALTER TABLE [dbo].[Cust10195_mirroring] ADD speil_hash nvarchar(64);
ALTER TABLE [dbo].[Cust10195_mirroring] ADD speil_kind nvarchar(16);
ALTER TABLE [dbo].[Cust10195_mirroring] ADD speil_fill int;
ALTER TABLE [dbo].[Cust10195_mirroring] ADD speil_ticket bigint;
ALTER TABLE [dbo].[Cust10195_mirroring] ADD speil_definition nvarchar(max)
GO

-- schema looked for
SELECT SCHEMA_ID(@P1);
GO

-- schema made
EXEC(N'CREATE SCHEMA "mi]rror''s"')
GO

-- columns there
SELECT OBJECT_ID(@P1), OBJECT_ID(@P2), OBJECT_ID(@P3), OBJECT_ID(@P4), OBJECT_ID(@P5), OBJECT_ID(@P6), OBJECT_ID(@P7);
SELECT c.object_id, c.name, t.name, c.max_length, CASE WHEN c.is_nullable = 0 AND c.is_identity = 0 AND c.is_computed = 0 AND c.default_object_id = 0 THEN 1 ELSE 0 END, CASE WHEN EXISTS (SELECT 1 FROM sys.index_columns k JOIN sys.indexes i ON i.object_id = k.object_id AND i.index_id = k.index_id WHERE i.is_unique = 1 AND k.object_id = c.object_id AND k.column_id = c.column_id) THEN 1 ELSE 0 END FROM sys.columns c LEFT JOIN sys.types t ON t.user_type_id = c.user_type_id WHERE c.object_id IN (OBJECT_ID(@P1), OBJECT_ID(@P2), OBJECT_ID(@P3), OBJECT_ID(@P4), OBJECT_ID(@P5), OBJECT_ID(@P6), OBJECT_ID(@P7)) ORDER BY c.object_id, c.column_id;
GO

-- whose database
SELECT name, value FROM [dbo].[speil_meta] WHERE name IN (N'tenant', N'format', N'ticket')
GO

-- metadata tables of others
SELECT t.name FROM sys.tables t WHERE RIGHT(LOWER(t.name), 10) = N'_mirroring' AND t.object_id <> COALESCE(OBJECT_ID(@P1), 0) AND (SELECT COUNT(*) FROM sys.columns c WHERE c.object_id = t.object_id AND LOWER(c.name) IN (N'tablename', N'lsn')) = 2;
GO

-- first rows
INSERT INTO [dbo].[speil_meta] (name, value) SELECT N'tenant', @P1 WHERE NOT EXISTS (SELECT 1 FROM [dbo].[speil_meta] WHERE name = N'tenant');
INSERT INTO [dbo].[speil_meta] (name, value) SELECT N'format', @P2 WHERE NOT EXISTS (SELECT 1 FROM [dbo].[speil_meta] WHERE name = N'format');
INSERT INTO [dbo].[speil_meta] (name, value) SELECT N'ticket', @P3 WHERE NOT EXISTS (SELECT 1 FROM [dbo].[speil_meta] WHERE name = N'ticket');
GO
