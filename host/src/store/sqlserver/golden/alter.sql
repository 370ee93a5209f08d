-- default_constraints
SELECT CAST(c.name AS nvarchar(128)), CAST(d.name AS nvarchar(128))
FROM sys.default_constraints AS d
JOIN sys.columns AS c ON c.object_id = d.parent_object_id AND c.column_id = d.parent_column_id
JOIN sys.objects AS o ON o.object_id = c.object_id
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE s.name = @P1 AND o.name = @P2
GO

-- primary_key
SELECT CAST(k.name AS nvarchar(128))
FROM sys.key_constraints AS k
JOIN sys.objects AS o ON o.object_id = k.parent_object_id
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE k.type = 'PK' AND s.name = @P1 AND o.name = @P2
GO

-- statistics
SELECT CAST(t.name AS nvarchar(128)), CAST(c.name AS nvarchar(128))
FROM sys.stats AS t
JOIN sys.stats_columns AS p ON p.object_id = t.object_id AND p.stats_id = t.stats_id
JOIN sys.columns AS c ON c.object_id = p.object_id AND c.column_id = p.column_id
JOIN sys.objects AS o ON o.object_id = c.object_id
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE t.user_created = 1 AND s.name = @P1 AND o.name = @P2
GO

-- rename_column
EXEC sp_rename @P1, @P2, N'COLUMN'
GO

-- rename_table
EXEC sp_rename @P1, @P2, N'OBJECT'
GO

-- drop_statistics
DROP STATISTICS [dbo].[contact]."it's ""a"" [table]; DROP TABLE x; --"
GO

-- drop_constraint
ALTER TABLE [dbo].[contact] DROP CONSTRAINT [DF__contact__Name__38996AB5]
GO

-- alter_type
ALTER TABLE [dbo].[contact] ALTER COLUMN [amount] money
GO

-- alter_null
ALTER TABLE [dbo].[contact] ALTER COLUMN [amount] money NULL
GO

-- alter_not_null
ALTER TABLE [dbo].[contact] ALTER COLUMN [Name] nvarchar(max) NOT NULL
GO

-- alter_key_text
ALTER TABLE [dbo].[contact] ALTER COLUMN [code] nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL
GO

-- add_column
ALTER TABLE [dbo].[contact] ADD [extra] datetime2(7) NULL
GO

-- add_column_with_default
ALTER TABLE [dbo].[contact] ADD [c13] nvarchar(100) NOT NULL DEFAULT (N'it''s''; DROP TABLE x; --')
GO

-- add_column_to_key
ALTER TABLE [dbo].[contact] ADD [code] nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL
GO

-- add_column_nasty_name
ALTER TABLE [dbo].[contact] ADD "it's ""a"" [table]; DROP TABLE x; --" int NULL
GO

-- fill
UPDATE [dbo].[contact] SET "it's ""a"" [table]; DROP TABLE x; --" = DEFAULT
GO

-- drop_column
ALTER TABLE [dbo].[contact] DROP COLUMN "it's ""a"" [table]; DROP TABLE x; --"
GO

-- add_default
ALTER TABLE [dbo].[contact] ADD DEFAULT (N'it''s') FOR "it's ""a"" [table]; DROP TABLE x; --"
GO

-- remove_default_babelfish
ALTER TABLE [dbo].[contact] ADD DEFAULT NULL FOR [Name]
GO

-- add_key
ALTER TABLE [dbo].[contact] ADD PRIMARY KEY CLUSTERED ([contact_id])
GO
