-- everything
SELECT folded, owned, made_as, ticket, row_count, gap FROM [dbo].[speil_tables];
SELECT CAST([tablename] AS nvarchar(4000)), [LSN], speil_hash, speil_kind, speil_fill, speil_ticket, NULL, CASE WHEN OBJECT_ID(@P1 + N'[' + REPLACE(RTRIM(CAST([tablename] AS nvarchar(4000))), N']', N']]') + N']', N'U') IS NULL THEN 0 ELSE 1 END FROM [dbo].[Cust10195_mirroring] ORDER BY [tablename];
SELECT object_id, name FROM sys.tables WHERE schema_id = SCHEMA_ID(@P2);
GO

-- ticket
UPDATE [dbo].[speil_meta] SET value = CAST(1 + (SELECT MAX(g.ticket) FROM (SELECT CASE WHEN value COLLATE Latin1_General_100_BIN2 NOT LIKE N'%[^0-9]%' AND LEN(value) BETWEEN 1 AND 18 THEN CAST(value AS bigint) ELSE 0 END AS ticket UNION ALL SELECT MAX(t.ticket) FROM [dbo].[speil_tables] t WITH (NOLOCK) UNION ALL SELECT MAX(c.id) FROM [dbo].[speil_cycles] c WITH (NOLOCK) UNION ALL SELECT MAX(m.speil_ticket) FROM [dbo].[Cust10195_mirroring] m WITH (NOLOCK)) AS g) AS nvarchar(32)) OUTPUT inserted.value WHERE name = N'ticket';
SELECT name, value FROM [dbo].[speil_meta] WHERE name IN (N'tenant', N'format');
GO

-- next_ticket
UPDATE [dbo].[speil_meta] SET value = CASE WHEN value COLLATE Latin1_General_100_BIN2 NOT LIKE N'%[^0-9]%' AND LEN(value) BETWEEN 1 AND 18 THEN CAST(CAST(value AS bigint) + 1 AS nvarchar(32)) ELSE value END OUTPUT inserted.value WHERE name = N'ticket';
SELECT name, value FROM [dbo].[speil_meta] WHERE name IN (N'tenant', N'format');
GO
