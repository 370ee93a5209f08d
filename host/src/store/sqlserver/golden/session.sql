-- begin_table
BEGIN TRANSACTION;
DECLARE @got int, @lock nvarchar(255);
SET @got = 0;
SET @lock = CAST(DB_ID() AS nvarchar(10)) + N':' + N'speil:mirror';
IF @got >= 0 EXEC @got = sp_getapplock @Resource = @lock, @LockMode = N'IntentExclusive', @LockOwner = N'Transaction', @LockTimeout = 12000;
SET @lock = CAST(DB_ID() AS nvarchar(10)) + N':' + N'speil:table:093e7d5fdbaacfa92448861b11075b3fba532a07d945b49a44919252f5e830ad';
IF @got >= 0 EXEC @got = sp_getapplock @Resource = @lock, @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 12000;
SELECT @got AS got;
GO

-- begin_all
BEGIN TRANSACTION;
DECLARE @got int, @lock nvarchar(255);
SET @got = 0;
SET @lock = CAST(DB_ID() AS nvarchar(10)) + N':' + N'speil:mirror';
IF @got >= 0 EXEC @got = sp_getapplock @Resource = @lock, @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 12000;
SELECT @got AS got;
GO

-- begin_marked
BEGIN TRANSACTION;
DECLARE @got int, @lock nvarchar(255);
SET @got = 0;
SET @lock = N'speil:guest:0123456789abcdef0123456789abcdef';
IF @got >= 0 EXEC @got = sp_getapplock @Resource = @lock, @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 12000;
SELECT @got AS got;
GO

-- commit
COMMIT TRANSACTION
GO

-- rollback
IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION
GO
