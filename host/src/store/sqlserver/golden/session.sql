-- locks_of_table
DECLARE @got int, @lock nvarchar(255);
SET @lock = CAST(DB_ID() AS nvarchar(10)) + N':' + N'speil:mirror';
EXEC @got = sp_getapplock @Resource = @lock, @LockMode = N'IntentExclusive', @LockOwner = N'Transaction', @LockTimeout = 12000;
SET @lock = CAST(DB_ID() AS nvarchar(10)) + N':' + @P1;
IF @got >= 0 EXEC @got = sp_getapplock @Resource = @lock, @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 12000;
SELECT @got AS got;
GO

-- locks_of_all
DECLARE @got int, @lock nvarchar(255);
SET @lock = CAST(DB_ID() AS nvarchar(10)) + N':' + N'speil:mirror';
EXEC @got = sp_getapplock @Resource = @lock, @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 12000;
SELECT @got AS got;
GO

-- begin_table
BEGIN TRANSACTION;
EXEC sp_executesql N'DECLARE @got int, @lock nvarchar(255);
SET @lock = CAST(DB_ID() AS nvarchar(10)) + N'':'' + N''speil:mirror'';
EXEC @got = sp_getapplock @Resource = @lock, @LockMode = N''IntentExclusive'', @LockOwner = N''Transaction'', @LockTimeout = 12000;
SET @lock = CAST(DB_ID() AS nvarchar(10)) + N'':'' + @P1;
IF @got >= 0 EXEC @got = sp_getapplock @Resource = @lock, @LockMode = N''Exclusive'', @LockOwner = N''Transaction'', @LockTimeout = 12000;
SELECT @got AS got;', N'@P1 nvarchar(4000)', @P1 = N'speil:table:093e7d5fdbaacfa92448861b11075b3fba532a07d945b49a44919252f5e830ad';
GO

-- prepare
DECLARE @ready int;
EXEC sp_prepare @ready OUTPUT, N'@P1 nvarchar(4000)', N'DECLARE @got int, @lock nvarchar(255);
SET @lock = CAST(DB_ID() AS nvarchar(10)) + N'':'' + N''speil:mirror'';
EXEC @got = sp_getapplock @Resource = @lock, @LockMode = N''IntentExclusive'', @LockOwner = N''Transaction'', @LockTimeout = 12000;
SET @lock = CAST(DB_ID() AS nvarchar(10)) + N'':'' + @P1;
IF @got >= 0 EXEC @got = sp_getapplock @Resource = @lock, @LockMode = N''Exclusive'', @LockOwner = N''Transaction'', @LockTimeout = 12000;
SELECT @got AS got;';
SELECT @ready;
GO

-- begin_table_ready
BEGIN TRANSACTION;
EXEC sp_execute 1, N'speil:table:093e7d5fdbaacfa92448861b11075b3fba532a07d945b49a44919252f5e830ad';
GO

-- begin_marked
BEGIN TRANSACTION;
EXEC sp_executesql N'DECLARE @got int, @lock nvarchar(255);
SET @lock = @P1;
EXEC @got = sp_getapplock @Resource = @lock, @LockMode = N''Exclusive'', @LockOwner = N''Transaction'', @LockTimeout = 12000;
SELECT @got AS got;', N'@P1 nvarchar(4000)', @P1 = N'speil:guest:0123456789abcdef0123456789abcdef';
GO

-- commit_after
EXEC sp_executesql N'SELECT last_write FROM [dbo].[speil_tables] WHERE folded = @P1;', N'@P1 nvarchar(4000)', @P1 = N'contact';
COMMIT TRANSACTION;
GO

-- commit_after_ready
EXEC sp_execute 2, N'contact';
COMMIT TRANSACTION;
GO

-- commit
COMMIT TRANSACTION
GO

-- rollback
IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION
GO
