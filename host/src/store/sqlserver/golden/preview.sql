-- metadata_tables
SELECT CAST(t.name AS nvarchar(128)), CAST((SELECT COUNT(*) FROM sys.columns c WHERE c.object_id = t.object_id AND LOWER(c.name) = N'speil_hash') AS int) FROM sys.tables t WHERE SCHEMA_NAME(t.schema_id) = @P1 AND LOWER(t.name) LIKE N'%[_]mirroring' AND EXISTS (SELECT 1 FROM sys.columns c WHERE c.object_id = t.object_id AND LOWER(c.name) = N'tablename') AND EXISTS (SELECT 1 FROM sys.columns c WHERE c.object_id = t.object_id AND LOWER(c.name) = N'lsn') ORDER BY t.name
GO

-- tables
SELECT CAST(t.name AS nvarchar(128)), CAST((SELECT SUM(p.rows) FROM sys.partitions p WHERE p.object_id = t.object_id AND p.index_id IN (0, 1)) AS bigint), CAST((SELECT COUNT(*) FROM sys.columns c WHERE c.object_id = t.object_id AND (c.is_computed = 1 OR c.is_identity = 1)) AS int), CAST((SELECT COUNT(*) FROM sys.index_columns k JOIN sys.indexes i ON i.object_id = k.object_id AND i.index_id = k.index_id WHERE k.object_id = t.object_id AND i.is_primary_key = 1) AS int) FROM sys.tables t WHERE SCHEMA_NAME(t.schema_id) = @P1 ORDER BY t.name
GO

-- permissions
SELECT CAST(HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'CREATE TABLE') AS int), CAST(HAS_PERMS_BY_NAME(QUOTENAME(@P1), N'SCHEMA', N'ALTER') AS int), CAST(HAS_PERMS_BY_NAME(QUOTENAME(@P1), N'SCHEMA', N'INSERT') AS int), CAST(HAS_PERMS_BY_NAME(QUOTENAME(@P1), N'SCHEMA', N'DELETE') AS int), CAST(USER_NAME() AS nvarchar(128))
GO

-- listed
SELECT CAST(tablename AS nvarchar(4000)), CAST(LSN AS bigint) FROM "d]bo"."Cust]1_mirroring"
GO

-- listed_where_not_ours
SELECT CAST(tablename AS nvarchar(4000)), CAST(LSN AS bigint) FROM "d]bo"."Cust]1_mirroring" WHERE speil_hash IS NULL
GO
