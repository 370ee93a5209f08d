-- read
SELECT [uniqueidentifier], [nvarchar(20)], [datetimeoffset(3)], CONVERT(decimal(19,4), [money]), CONVERT(nvarchar(max), [xml]), CONVERT(nvarchar(max), [varchar(5)]), CONVERT(nvarchar(max), [ntext]), CONVERT(varbinary(max), [image]), [int] FROM [dbo].[contact] ORDER BY CONVERT(char(36), [uniqueidentifier]), [nvarchar(20)] COLLATE Latin1_General_100_BIN2, CONVERT(datetime2, [datetimeoffset(3)])
GO

-- read_keyless
SELECT [uniqueidentifier], [nvarchar(20)], [datetimeoffset(3)], CONVERT(decimal(19,4), [money]), CONVERT(nvarchar(max), [xml]), CONVERT(nvarchar(max), [varchar(5)]), CONVERT(nvarchar(max), [ntext]), CONVERT(varbinary(max), [image]), [int] FROM [dbo].[contact]
GO

-- try_one
DECLARE @one TABLE (v datetimeoffset(3) NULL);
INSERT INTO @one (v) SELECT CONVERT(datetimeoffset(3), @P1)
GO
