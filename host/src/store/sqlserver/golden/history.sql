-- begin
BEGIN TRANSACTION;
UPDATE [dbo].[speil_tables] SET cycle_inserts = 0, cycle_updates = 0, cycle_deletes = 0 WHERE cycle_inserts <> 0 OR cycle_updates <> 0 OR cycle_deletes <> 0;
INSERT INTO [dbo].[speil_cycles] (id, started_at, last_call_at, mismatches) SELECT @P1, @P2, @P2, N'[]' WHERE NOT EXISTS (SELECT 1 FROM [dbo].[speil_cycles] WITH (UPDLOCK, HOLDLOCK) WHERE id = @P1);
DELETE FROM [dbo].[speil_cycles] WHERE id < (SELECT MIN(id) FROM (SELECT TOP (5000) id FROM [dbo].[speil_cycles] ORDER BY id DESC) AS kept);
COMMIT TRANSACTION;
GO

-- record
BEGIN TRANSACTION;
INSERT INTO [dbo].[speil_tables] (folded, tablename) SELECT @P1, @P1 WHERE NOT EXISTS (SELECT 1 FROM [dbo].[speil_tables] WITH (UPDLOCK, HOLDLOCK) WHERE folded = @P1);
UPDATE [dbo].[speil_tables] SET error_at = @P2, error_message = @P3, error_row = @P4, error_column = NULL WHERE folded = @P1;
INSERT INTO [dbo].[speil_events] (at, level, kind, operation, tablename, message, advice) VALUES (@P4, 1, @P5, NULL, @P1, @P6, NULL), (@P4, 1, @P5, NULL, @P1, @P6, NULL);
DELETE FROM [dbo].[speil_events] WHERE id < (SELECT MIN(id) FROM (SELECT TOP (1000) id FROM [dbo].[speil_events] ORDER BY id DESC) AS kept);
UPDATE [dbo].[speil_cycles] SET calls = calls + 1, failed_calls = failed_calls + @P7, last_call_at = CASE WHEN last_call_at > @P8 THEN last_call_at ELSE @P8 END WHERE id = (SELECT MAX(id) FROM [dbo].[speil_cycles]);
COMMIT TRANSACTION;
GO

-- record_counted
BEGIN TRANSACTION;
INSERT INTO [dbo].[speil_tables] (folded, tablename) SELECT @P1, @P1 WHERE NOT EXISTS (SELECT 1 FROM [dbo].[speil_tables] WITH (UPDLOCK, HOLDLOCK) WHERE folded = @P1);
UPDATE [dbo].[speil_tables] SET error_at = @P2, error_message = @P3, error_row = @P4, error_column = NULL WHERE folded = @P1;
INSERT INTO [dbo].[speil_events] (at, level, kind, operation, tablename, message, advice) VALUES (@P4, 1, @P5, NULL, @P1, @P6, NULL), (@P4, 1, @P5, NULL, @P1, @P6, NULL);
DELETE FROM [dbo].[speil_events] WHERE id < (SELECT MIN(id) FROM (SELECT TOP (1000) id FROM [dbo].[speil_events] ORDER BY id DESC) AS kept);
UPDATE [dbo].[speil_cycles] SET calls = calls + 0, failed_calls = failed_calls + @P7, last_call_at = CASE WHEN last_call_at > @P8 THEN last_call_at ELSE @P8 END WHERE id = (SELECT MAX(id) FROM [dbo].[speil_cycles]);
COMMIT TRANSACTION;
GO

-- before_completion
SELECT TOP (1) id, started_at FROM [dbo].[speil_cycles] ORDER BY id DESC;
SELECT folded, tablename, cycle_inserts, cycle_updates, cycle_deletes FROM [dbo].[speil_tables];
SELECT CAST([tablename] AS nvarchar(4000)), [LSN], speil_hash, speil_kind, speil_fill, speil_ticket, NULL, CASE WHEN OBJECT_ID(@P1 + N'[' + REPLACE(RTRIM(CAST([tablename] AS nvarchar(4000))), N']', N']]') + N']', N'U') IS NULL THEN 0 ELSE 1 END FROM [dbo].[Cust10195_mirroring] ORDER BY [tablename];
GO

-- confirmed
INSERT INTO [dbo].[speil_tables] (folded, tablename) VALUES (@P1, @P2);
UPDATE [dbo].[speil_tables] SET last_confirmed_at = @P4 WHERE gap = 0 AND (error_at IS NULL OR error_at < @P5) AND folded IN (@P3, @P1);
GO

-- completed
UPDATE [dbo].[speil_tables] SET error_at = NULL, error_message = NULL, error_row = NULL, error_column = NULL WHERE error_at < @P1;
UPDATE [dbo].[speil_cycles] SET completed_at = @P3, last_call_at = CASE WHEN last_call_at > @P3 THEN last_call_at ELSE @P3 END, reported_inserts = @P4, reported_updates = @P5, reported_deletes = @P6, mismatches = @P7 WHERE id = @P2;
GO

-- cycles
SELECT TOP (@P1) id, started_at, last_call_at, completed_at, calls, failed_calls, inserts, updates, deletes, reported_inserts, reported_updates, reported_deletes, mismatches FROM [dbo].[speil_cycles] ORDER BY id DESC;
GO

-- tables
SELECT COALESCE(tablename, folded), row_count, last_change_at, last_confirmed_at, fill_started_at, error_at, error_message, error_row, error_column, gone_at, cycle_inserts, cycle_updates, cycle_deletes, folded FROM [dbo].[speil_tables]
GO

-- events
SELECT TOP (@P1) at, level, kind, operation, tablename, message, advice FROM [dbo].[speil_events] ORDER BY id DESC;
GO
