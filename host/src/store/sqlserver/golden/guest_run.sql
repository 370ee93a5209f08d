-- still
SELECT CASE WHEN APPLOCK_MODE(N'public', N'speil:guest:0123456789abcdef0123456789abcdef', N'Transaction') = N'Exclusive' THEN 1 ELSE 0 END, @@TRANCOUNT
GO

-- own
SELECT o.name, o.type FROM sys.objects o WHERE o.schema_id = SCHEMA_ID(@P1);
SELECT COUNT(*) FROM sys.indexes i JOIN sys.objects o ON o.object_id = i.object_id WHERE o.schema_id = SCHEMA_ID(@P1) AND o.type IN ('U', 'V') AND i.index_id > 0 AND i.is_primary_key = 0 AND i.is_unique_constraint = 0;
GO
