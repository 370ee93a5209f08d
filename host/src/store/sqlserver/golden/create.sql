-- look
SELECT CAST(d.state AS int), CAST(d.state_desc AS nvarchar(60)), CAST(HAS_DBACCESS(d.name) AS int), CAST(d.is_read_committed_snapshot_on AS int), CAST(SUSER_SNAME() AS nvarchar(256)) FROM sys.databases d WHERE d.name = @P1
GO

-- login
SELECT CAST(SUSER_SNAME() AS nvarchar(256))
GO

-- create_database
CREATE DATABASE "Mirror_a]b'c"
GO

-- create_database_in_elastic_pool
CREATE DATABASE "Mirror_a]b'c" (SERVICE_OBJECTIVE = ELASTIC_POOL (name = "pool]1"))
GO

-- snapshot_on
ALTER DATABASE "Mirror_a]b'c" SET READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK IMMEDIATE
GO
