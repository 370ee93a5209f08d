-- server
SELECT CAST(SERVERPROPERTY('EngineEdition') AS int), CAST(SERVERPROPERTY('Babelfish') AS int)
GO

-- find_object
SELECT o.object_id, CAST(o.name AS nvarchar(128)), o.type_desc
FROM sys.objects AS o JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE s.name = @P1
  AND (o.name = @P2 OR LOWER(o.name) = @P3 OR o.name COLLATE Latin1_General_BIN2 LIKE N'%[^ -~]%')
GO

-- tables
SELECT o.object_id, CAST(o.name AS nvarchar(128))
FROM sys.objects AS o JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE s.name = @P1 AND o.type = 'U' ORDER BY o.name
GO

-- columns
SELECT CAST(c.name AS nvarchar(128)), CASE WHEN t.is_user_defined = 1 THEN TYPE_NAME(c.system_type_id) ELSE t.name END,
  CAST(c.max_length AS int), CAST(c.[precision] AS int), CAST(c.scale AS int), c.collation_name,
  CAST(c.is_nullable AS int), CAST(CASE WHEN c.default_object_id <> 0 THEN 1 ELSE 0 END AS int),
  CAST(CASE WHEN c.is_computed = 1 OR c.is_identity = 1 THEN 1 ELSE 0 END AS int), CAST(k.key_ordinal AS int)
FROM sys.objects AS o
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
JOIN sys.columns AS c ON c.object_id = o.object_id
JOIN sys.types AS t ON t.user_type_id = c.user_type_id
LEFT JOIN (
  SELECT ic.object_id, ic.column_id, ic.key_ordinal
  FROM sys.indexes AS i JOIN sys.index_columns AS ic ON ic.object_id = i.object_id AND ic.index_id = i.index_id
  WHERE i.is_primary_key = 1
) AS k ON k.object_id = c.object_id AND k.column_id = c.column_id
WHERE s.name = @P1 AND o.name = @P2
ORDER BY c.column_id
GO
