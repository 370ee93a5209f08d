-- place
SELECT owned, made_as, ticket, row_count, gap FROM [dbo].[speil_tables] WHERE folded = @P1;
SELECT OBJECT_ID(@P2, N'U'), CAST(OBJECT_NAME(OBJECT_ID(@P2, N'U')) AS nvarchar(128));
SELECT CAST([tablename] AS nvarchar(4000)), [LSN], speil_hash, speil_kind, speil_fill, speil_ticket, NULL, NULL FROM [dbo].[Cust10195_mirroring] WHERE CAST([tablename] AS nvarchar(4000)) COLLATE Latin1_General_CI_AI = @P1;
GO

-- newest_call
SELECT TOP (1) last_call_at, started_at FROM [dbo].[speil_cycles] ORDER BY id DESC
GO
