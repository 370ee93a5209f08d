-- server
SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), CAST(SERVERPROPERTY('Edition') AS nvarchar(128)), CAST(SERVERPROPERTY('EngineEdition') AS int), CAST(SUSER_SNAME() AS nvarchar(256)), CAST(IS_SRVROLEMEMBER('sysadmin') AS int), CAST(IS_SRVROLEMEMBER('dbcreator') AS int), CAST(IS_MEMBER('dbmanager') AS int), CAST(HAS_PERMS_BY_NAME(NULL, NULL, 'CREATE ANY DATABASE') AS int)
GO
