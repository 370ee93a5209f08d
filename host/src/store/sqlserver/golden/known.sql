-- shapes
SELECT c.object_id, c.name, t.name, c.max_length, c.[precision], c.[scale], c.is_nullable FROM sys.columns c LEFT JOIN sys.types t ON t.user_type_id = c.user_type_id WHERE c.object_id IN (@P1, @P2) ORDER BY c.object_id, c.column_id;
GO

-- shape
SELECT c.object_id, c.name, t.name, c.max_length, c.[precision], c.[scale], c.is_nullable FROM sys.columns c LEFT JOIN sys.types t ON t.user_type_id = c.user_type_id WHERE c.object_id = OBJECT_ID(@P1) ORDER BY c.object_id, c.column_id;
GO

-- one
SELECT owned, made_as, ticket, row_count, gap FROM [dbo].[speil_tables] WHERE folded = @P1;
GO

-- all
SELECT folded, owned, made_as, ticket, row_count, gap FROM [dbo].[speil_tables];
GO

-- last_write
SELECT last_write FROM [dbo].[speil_tables] WHERE folded = @P1;
GO

-- made
INSERT INTO [dbo].[speil_tables] (folded, tablename) SELECT @P1, @P1 WHERE NOT EXISTS (SELECT 1 FROM [dbo].[speil_tables] WITH (UPDLOCK, HOLDLOCK) WHERE folded = @P1);
UPDATE [dbo].[speil_tables] SET tablename = @P1, owned = 1, made_as = @P5, ticket = @P2, last_write = @P3, row_count = @P4, fill_started_at = NULL, gone_at = NULL, gap = 0, error_at = NULL, error_message = NULL, error_row = NULL, error_column = NULL WHERE folded = @P1;
GO

-- altered
INSERT INTO [dbo].[speil_tables] (folded, tablename) SELECT @P1, @P1 WHERE NOT EXISTS (SELECT 1 FROM [dbo].[speil_tables] WITH (UPDLOCK, HOLDLOCK) WHERE folded = @P1);
UPDATE [dbo].[speil_tables] SET tablename = @P1, owned = 1, made_as = @P4, ticket = @P2, last_write = @P3, gone_at = NULL, error_at = NULL, error_message = NULL, error_row = NULL, error_column = NULL WHERE folded = @P1;
GO

-- unmade
INSERT INTO [dbo].[speil_tables] (folded, tablename) SELECT @P1, @P1 WHERE NOT EXISTS (SELECT 1 FROM [dbo].[speil_tables] WITH (UPDLOCK, HOLDLOCK) WHERE folded = @P1);
UPDATE [dbo].[speil_tables] SET owned = 0, made_as = NULL, ticket = @P2, last_write = @P3, row_count = 0, fill_started_at = NULL, gone_at = @P4, gap = 0, error_at = NULL, error_message = NULL, error_row = NULL, error_column = NULL WHERE folded = @P1;
GO

-- missing_rows
INSERT INTO [dbo].[speil_tables] (folded, tablename) SELECT @P1, @P1 WHERE NOT EXISTS (SELECT 1 FROM [dbo].[speil_tables] WITH (UPDLOCK, HOLDLOCK) WHERE folded = @P1);
UPDATE [dbo].[speil_tables] SET gap = 1, last_write = @P2 WHERE folded = @P1;
GO

-- seen
INSERT INTO [dbo].[speil_tables] (folded, tablename) VALUES (@P1, @P2);
UPDATE [dbo].[speil_tables] SET ticket = @P4, gap = 0, fill_started_at = NULL WHERE folded IN (@P3, @P1);
GO

-- committed
INSERT INTO [dbo].[speil_tables] (folded, tablename) SELECT @P1, @P1 WHERE NOT EXISTS (SELECT 1 FROM [dbo].[speil_tables] WITH (UPDLOCK, HOLDLOCK) WHERE folded = @P1);
UPDATE [dbo].[speil_tables] SET tablename = @P1, owned = 1, ticket = @P2, last_write = @P3, row_count = @P4, gone_at = NULL, last_change_at = @P5, fill_started_at = COALESCE(fill_started_at, @P5), cycle_inserts = cycle_inserts + @P6, cycle_updates = cycle_updates + @P7, cycle_deletes = cycle_deletes + @P8, error_at = NULL, error_message = NULL, error_row = NULL, error_column = NULL WHERE folded = @P1;
UPDATE [dbo].[speil_cycles] SET inserts = inserts + @P6, updates = updates + @P7, deletes = deletes + @P8 WHERE id = (SELECT MAX(id) FROM [dbo].[speil_cycles]);
GO

-- committed_with_the_call
UPDATE [dbo].[speil_tables] SET tablename = @P1, owned = 1, ticket = @P2, last_write = @P3, row_count = @P4, gone_at = NULL, last_change_at = @P5, fill_started_at = COALESCE(fill_started_at, @P5), cycle_inserts = cycle_inserts + @P6, cycle_updates = cycle_updates + @P7, cycle_deletes = cycle_deletes + @P8, error_at = NULL, error_message = NULL, error_row = NULL, error_column = NULL WHERE folded = @P1;
UPDATE [dbo].[speil_cycles] SET inserts = inserts + @P6, updates = updates + @P7, deletes = deletes + @P8, calls = calls + 1, last_call_at = CASE WHEN last_call_at > @P5 THEN last_call_at ELSE @P5 END WHERE id = (SELECT MAX(id) FROM [dbo].[speil_cycles]);
GO

-- committed_in_a_fill
UPDATE [dbo].[speil_tables] SET tablename = @P1, owned = 1, ticket = @P2, last_write = @P3, row_count = @P4, gone_at = NULL, last_change_at = @P5, fill_started_at = COALESCE(fill_started_at, @P5), cycle_inserts = cycle_inserts + @P6, error_at = NULL, error_message = NULL, error_row = NULL, error_column = NULL WHERE folded = @P1;
UPDATE [dbo].[speil_cycles] SET inserts = inserts + @P6, calls = calls + 1, last_call_at = CASE WHEN last_call_at > @P5 THEN last_call_at ELSE @P5 END WHERE id = (SELECT MAX(id) FROM [dbo].[speil_cycles]);
GO

-- failed
INSERT INTO [dbo].[speil_tables] (folded, tablename) SELECT @P1, @P1 WHERE NOT EXISTS (SELECT 1 FROM [dbo].[speil_tables] WITH (UPDLOCK, HOLDLOCK) WHERE folded = @P1);
UPDATE [dbo].[speil_tables] SET error_at = @P2, error_message = @P3, error_row = @P4, error_column = @P5 WHERE folded = @P1;
GO

-- stranger_given
UPDATE [dbo].[speil_tables] SET owned = 0, made_as = NULL WHERE folded = @P1;
GO

-- stranger_unknown
UPDATE [dbo].[speil_tables] SET made_as = @P2 WHERE folded = @P1;
GO
