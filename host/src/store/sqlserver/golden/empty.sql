-- may_truncate
SELECT CASE WHEN EXISTS (SELECT 1 FROM sys.foreign_keys f WHERE f.referenced_object_id = @P2) OR EXISTS (SELECT 1 FROM sys.sql_expression_dependencies d JOIN sys.indexes i ON i.object_id = d.referencing_id WHERE d.referenced_id = @P2) OR EXISTS (SELECT 1 FROM sys.tables t WHERE t.object_id = @P2 AND (t.is_published = 1 OR t.is_tracked_by_cdc = 1 OR t.is_replicated = 1 OR t.temporal_type <> 0)) OR COALESCE(HAS_PERMS_BY_NAME(@P1, N'OBJECT', N'ALTER'), 0) = 0 THEN 0 ELSE 1 END, (SELECT COUNT_BIG(*) FROM [dbo].[contact]);
GO
