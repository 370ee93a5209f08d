-- look
SELECT CAST(SERVERPROPERTY(N'Babelfish') AS int), DATABASE_PRINCIPAL_ID(@P1), DATABASE_PRINCIPAL_ID(@P2), DATABASE_PRINCIPAL_ID(@P3), SCHEMA_ID(@P2), IS_ROLEMEMBER(@P1, @P2), IS_ROLEMEMBER(@P1, @P3);
SELECT CAST([tablename] AS nvarchar(4000)), [LSN], speil_hash, speil_kind, speil_fill, speil_ticket, NULL, CASE WHEN OBJECT_ID(@P4 + N'[' + REPLACE(RTRIM(CAST([tablename] AS nvarchar(4000))), N']', N']]') + N']', N'U') IS NULL THEN 0 ELSE 1 END FROM [dbo].[Cust10195_mirroring] ORDER BY [tablename];
SELECT object_id, name FROM sys.tables WHERE schema_id = SCHEMA_ID(@P5);
SELECT o.name, p.state FROM sys.database_permissions p JOIN sys.objects o ON o.object_id = p.major_id WHERE p.class = 1 AND p.minor_id = 0 AND p.type = 'SL' AND p.grantee_principal_id = DATABASE_PRINCIPAL_ID(@P1) AND o.schema_id = SCHEMA_ID(@P5);
GO

-- role
CREATE ROLE [speil_guest]
GO

-- owner
CREATE USER [speil_plugin_sales_summary] WITHOUT LOGIN WITH DEFAULT_SCHEMA = [speil_plugin_sales_summary]
GO

-- reader
CREATE USER [speil_reader_plugin_sales_summary] WITHOUT LOGIN WITH DEFAULT_SCHEMA = [speil_plugin_sales_summary]
GO

-- owner_in_role
ALTER ROLE [speil_guest] ADD MEMBER [speil_plugin_sales_summary]
GO

-- reader_in_role
ALTER ROLE [speil_guest] ADD MEMBER [speil_reader_plugin_sales_summary]
GO

-- schema
EXEC(N'CREATE SCHEMA [speil_plugin_sales_summary] AUTHORIZATION [speil_plugin_sales_summary]')
GO

-- grants_to_owner
GRANT CREATE TABLE, CREATE VIEW TO [speil_plugin_sales_summary]
GO

-- grants_to_reader
GRANT SELECT ON SCHEMA::[speil_plugin_sales_summary] TO [speil_reader_plugin_sales_summary]
GO

-- grants_on_tables
GRANT SELECT ON [dbo].[contact] TO [speil_guest];
GRANT SELECT ON [dbo]."it's ]" TO [speil_guest];
DENY SELECT, INSERT, UPDATE, DELETE, REFERENCES ON [dbo].[speil_meta] TO [speil_guest];
GO

-- grant_taken_back
REVOKE SELECT ON [dbo].[gone] FROM [speil_guest];
GO

-- become_user
EXECUTE AS USER = N'speil_plugin_sales_summary' WITH NO REVERT;
SET DEADLOCK_PRIORITY LOW;
SET TEXTSIZE 16777216;
GO

-- who_am_i
SELECT USER_NAME(), HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'CONTROL'), HAS_PERMS_BY_NAME(N'[dbo]', N'SCHEMA', N'CONTROL'), HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'ALTER'), HAS_PERMS_BY_NAME(N'[dbo]', N'SCHEMA', N'ALTER'), HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'SELECT'), HAS_PERMS_BY_NAME(N'[dbo]', N'SCHEMA', N'SELECT'), HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'INSERT'), HAS_PERMS_BY_NAME(N'[dbo]', N'SCHEMA', N'INSERT'), HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'UPDATE'), HAS_PERMS_BY_NAME(N'[dbo]', N'SCHEMA', N'UPDATE'), HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'DELETE'), HAS_PERMS_BY_NAME(N'[dbo]', N'SCHEMA', N'DELETE'), HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'EXECUTE'), HAS_PERMS_BY_NAME(N'[dbo]', N'SCHEMA', N'EXECUTE'), HAS_PERMS_BY_NAME(N'[dbo].[Cust10195_mirroring]', N'OBJECT', N'SELECT'), HAS_PERMS_BY_NAME(N'[dbo].[speil_meta]', N'OBJECT', N'SELECT'), HAS_PERMS_BY_NAME(N'[dbo].[speil_values]', N'OBJECT', N'SELECT'), HAS_PERMS_BY_NAME(N'[dbo].[speil_quarantine]', N'OBJECT', N'SELECT')
GO
