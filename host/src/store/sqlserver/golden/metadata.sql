-- one
SELECT CAST([tablename] AS nvarchar(4000)), [LSN], speil_hash, speil_kind, speil_fill, speil_ticket, speil_definition, NULL FROM [dbo].[Cust10195_mirroring] WHERE CAST([tablename] AS nvarchar(4000)) COLLATE Latin1_General_CI_AI = @P1;
GO

-- all
SELECT CAST([tablename] AS nvarchar(4000)), [LSN], speil_hash, speil_kind, speil_fill, speil_ticket, speil_definition, CASE WHEN OBJECT_ID(@P1 + N'[' + REPLACE(RTRIM(CAST([tablename] AS nvarchar(4000))), N']', N']]') + N']', N'U') IS NULL THEN 0 ELSE 1 END FROM [dbo].[Cust10195_mirroring] ORDER BY [tablename];
GO

-- insert
INSERT INTO [dbo].[Cust10195_mirroring] ([tablename], [LSN], speil_hash, speil_kind, speil_fill, speil_ticket, speil_definition) VALUES (@P7, @P2, @P1, @P3, @P4, @P5, @P6);
GO

-- over
DELETE FROM [dbo].[Cust10195_mirroring] WHERE [tablename] = @P7 AND (CAST([tablename] AS nvarchar(4000)) + N'.') COLLATE Latin1_General_100_BIN2 = @P7 + N'.';
DELETE TOP (1) FROM [dbo].[Cust10195_mirroring] WHERE [tablename] = @P8 AND (CAST([tablename] AS nvarchar(4000)) + N'.') COLLATE Latin1_General_100_BIN2 = @P8 + N'.';
UPDATE [dbo].[Cust10195_mirroring] SET [LSN] = @P2, speil_hash = @P1, speil_kind = @P3, speil_fill = @P4, speil_ticket = @P5, speil_definition = @P6 WHERE [tablename] = @P8 AND (CAST([tablename] AS nvarchar(4000)) + N'.') COLLATE Latin1_General_100_BIN2 = @P8 + N'.';
GO

-- update
DELETE FROM [dbo].[Cust10195_mirroring] WHERE [tablename] = @P1 AND (CAST([tablename] AS nvarchar(4000)) + N'.') COLLATE Latin1_General_100_BIN2 = @P1 + N'.';
DELETE TOP (1) FROM [dbo].[Cust10195_mirroring] WHERE [tablename] = @P2 AND (CAST([tablename] AS nvarchar(4000)) + N'.') COLLATE Latin1_General_100_BIN2 = @P2 + N'.';
UPDATE [dbo].[Cust10195_mirroring] SET [LSN] = @P3, speil_fill = 0, speil_ticket = @P4 WHERE [tablename] = @P2 AND (CAST([tablename] AS nvarchar(4000)) + N'.') COLLATE Latin1_General_100_BIN2 = @P2 + N'.';
GO

-- expect
UPDATE [dbo].[Cust10195_mirroring] SET speil_fill = 1, speil_ticket = @P2 WHERE (CAST([tablename] AS nvarchar(4000)) + N'.') COLLATE Latin1_General_100_BIN2 IN (@P1);
GO

-- set_refill
UPDATE [dbo].[Cust10195_mirroring] SET [LSN] = -1 WHERE (CAST([tablename] AS nvarchar(4000)) + N'.') COLLATE Latin1_General_100_BIN2 IN (@P1, @P2);
GO

-- delete
DELETE FROM [dbo].[Cust10195_mirroring] WHERE [tablename] = @P1 AND (CAST([tablename] AS nvarchar(4000)) + N'.') COLLATE Latin1_General_100_BIN2 = @P1 + N'.';
DELETE FROM [dbo].[Cust10195_mirroring] WHERE [tablename] = @P2 AND (CAST([tablename] AS nvarchar(4000)) + N'.') COLLATE Latin1_General_100_BIN2 = @P2 + N'.';
GO
