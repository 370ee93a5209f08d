-- databases
SELECT CAST(d.name AS nvarchar(128)), CAST(d.state AS int), CAST(d.state_desc AS nvarchar(60)), CAST(HAS_DBACCESS(d.name) AS int), CAST(d.is_read_committed_snapshot_on AS int), CAST(d.compatibility_level AS int) FROM sys.databases d WHERE d.name NOT IN (N'master', N'tempdb', N'model', N'msdb') ORDER BY d.name
GO

-- own_schema
SELECT CAST(SCHEMA_NAME() AS nvarchar(128))
GO

-- has_table
SELECT CAST(OBJECT_ID(@P1, N'U') AS int)
GO

-- stored_tenant
SELECT CAST(value AS nvarchar(4000)) FROM "d]bo".[speil_meta] WHERE name = N'tenant'
GO
