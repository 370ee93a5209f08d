-- indexes
SELECT i.index_id, CAST(i.name AS nvarchar(128)), CAST(i.type AS int), CAST(i.is_unique AS int), CAST(i.is_unique_constraint AS int),
  CAST(i.filter_definition AS nvarchar(max)), CAST(c.name AS nvarchar(128)), CAST(ic.is_descending_key AS int), CAST(ic.is_included_column AS int)
FROM sys.objects AS o
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
JOIN sys.indexes AS i ON i.object_id = o.object_id
JOIN sys.index_columns AS ic ON ic.object_id = i.object_id AND ic.index_id = i.index_id
JOIN sys.columns AS c ON c.object_id = ic.object_id AND c.column_id = ic.column_id
WHERE s.name = @P1 AND o.name = @P2 AND i.type > 0 AND i.is_primary_key = 0 AND i.is_hypothetical = 0
ORDER BY i.index_id, ic.is_included_column, ic.key_ordinal, ic.index_column_id
GO

-- create_index
CREATE INDEX [ix_name] ON [dbo].[contact] ([Name], [amount] DESC)
GO

-- create_index_online
CREATE INDEX [ix_name] ON [dbo].[contact] ([Name], [amount] DESC) WITH (ONLINE = ON)
GO

-- create_index_unique
CREATE UNIQUE INDEX [ix_one] ON [dbo].[contact] ([amount], [Name]) WHERE [amount] IS NOT NULL AND [Name] IS NOT NULL
GO

-- create_index_unique_not_null
CREATE UNIQUE INDEX [ix_one] ON [dbo].[contact] ([amount], [Name])
GO

-- create_index_nasty_names
CREATE UNIQUE INDEX "it's ""a"" [table]; DROP TABLE x; --" ON [dbo]."]" (["] DESC) WHERE ["] IS NOT NULL
GO

-- replace_index
BEGIN TRANSACTION;
DROP INDEX [IX_name] ON [dbo].[contact];
CREATE INDEX [ix_name] ON [dbo].[contact] ([Name], [amount] DESC);
COMMIT TRANSACTION
GO

-- drop_index
DROP INDEX "it's ""a"" [table]; DROP TABLE x; --" ON [dbo].[contact]
GO

-- index_again
CREATE INDEX [ix_name] ON [dbo].[contact] ([Name], [amount] DESC) INCLUDE ([registered]) WHERE ([amount] IS NOT NULL)
GO

-- index_again_clustered
CREATE UNIQUE CLUSTERED INDEX [ix_one] ON [dbo].[contact] ([amount], [Name]) INCLUDE ([registered]) WHERE ([amount] IS NOT NULL)
GO

-- constraint_again
ALTER TABLE [dbo].[contact] ADD CONSTRAINT [ix_one] UNIQUE NONCLUSTERED ([amount], [Name])
GO

-- drop_constraint
ALTER TABLE [dbo].[contact] DROP CONSTRAINT [ix_one]
GO
