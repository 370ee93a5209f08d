-- create_table
CREATE TABLE [dbo].[contact] (
  [contact_id] int NOT NULL,
  [Name] nvarchar(220) NOT NULL DEFAULT (N''),
  [registered] datetime NOT NULL DEFAULT ('1760-01-01T00:00:00'),
  [business_idx] int NOT NULL DEFAULT (0),
  [amount] money NULL,
  [notes] nvarchar(max) NULL,
  PRIMARY KEY CLUSTERED ([contact_id])
)
GO

-- create_table_every_type
CREATE TABLE [dbo].[every_type] (
  [id] bigint NOT NULL,
  [c0 bit] bit NULL,
  [c1 tinyint] tinyint NULL,
  [c2 smallint] smallint NULL,
  [c3 int] int NULL,
  [c4 bigint] bigint NULL,
  [c5 decimal(38,10)] decimal(38,10) NULL,
  [c6 money] money NULL,
  [c7 smallmoney] smallmoney NULL,
  [c8 float] float NULL,
  [c9 real] real NULL,
  [c10 date] date NULL,
  [c11 time(3)] time(3) NULL,
  [c12 smalldatetime] smalldatetime NULL,
  [c13 datetime] datetime NULL,
  [c14 datetime2(7)] datetime2(7) NULL,
  [c15 datetimeoffset(0)] datetimeoffset(0) NULL,
  [c16 char(10)] nvarchar(10) NULL,
  [c17 char(8000)] nvarchar(max) NULL,
  [c18 varchar(4000)] nvarchar(4000) NULL,
  [c19 varchar(max)] nvarchar(max) NULL,
  [c20 nchar(10)] nchar(10) NULL,
  [c21 nvarchar(4000)] nvarchar(4000) NULL,
  [c22 nvarchar(max)] nvarchar(max) NULL,
  [c23 text] nvarchar(max) NULL,
  [c24 ntext] ntext NULL,
  [c25 binary(16)] binary(16) NULL,
  [c26 varbinary(8000)] varbinary(8000) NULL,
  [c27 varbinary(max)] varbinary(max) NULL,
  [c28 image] image NULL,
  [c29 uniqueidentifier] uniqueidentifier NULL,
  [c30 xml] nvarchar(max) NULL,
  [c31 json] nvarchar(max) NULL,
  [c32 rowversion] binary(8) NULL,
  [c33 sql_variant] nvarchar(max) NULL,
  [c34 hierarchyid] varbinary(892) NULL,
  [c35 geometry] varbinary(max) NULL,
  [c36 geography] varbinary(max) NULL,
  PRIMARY KEY CLUSTERED ([id])
)
GO

-- create_table_every_default
CREATE TABLE [dbo].[every_default] (
  [id] int NOT NULL,
  [c0] int NOT NULL DEFAULT (-1),
  [c1] bit NOT NULL DEFAULT (1),
  [c2] decimal(38,38) NOT NULL DEFAULT (0.12345678901234567890123456789012345678),
  [c3] money NOT NULL DEFAULT (-922337203685477.5808),
  [c4] float NOT NULL DEFAULT (1e-1),
  [c5] real NOT NULL DEFAULT (1.5e0),
  [c6] date NOT NULL DEFAULT ('1760-01-01'),
  [c7] time(7) NOT NULL DEFAULT ('10:40:43.1234567'),
  [c8] smalldatetime NOT NULL DEFAULT ('2020-05-18T10:40:00'),
  [c9] datetime NOT NULL DEFAULT ('1760-01-01T00:00:00'),
  [c10] datetime2(3) NOT NULL DEFAULT ('2020-05-18T10:40:43.123'),
  [c11] datetimeoffset(0) NOT NULL DEFAULT ('2020-05-18T10:40:43-05:30'),
  [c12] nvarchar(100) NOT NULL DEFAULT (N''),
  [c13] nvarchar(100) NOT NULL DEFAULT (N'it''s''; DROP TABLE x; --'),
  [c14] nvarchar(100) NOT NULL DEFAULT (N'日本語 🙂 ]"'),
  [c15] nvarchar(100) NOT NULL DEFAULT (CONVERT(nvarchar(max), N'') + N'line\' + N'
line'),
  [c16] nvarchar(100) NOT NULL DEFAULT (CONVERT(nvarchar(max), N'') + N'nul' + NCHAR(0) + N'nul'),
  [c17] nvarchar(10) NOT NULL DEFAULT (N'æøå'),
  [c18] ntext NOT NULL DEFAULT (N'x'),
  [c19] varbinary(4) NOT NULL DEFAULT (0x0001FEFF),
  [c20] image NOT NULL DEFAULT (0x),
  [c21] uniqueidentifier NOT NULL DEFAULT ('6F9619FF-8B86-D011-B42D-00C04FC964FF'),
  [c22] uniqueidentifier NOT NULL DEFAULT (NEWID()),
  [c23] datetime NOT NULL DEFAULT (SYSDATETIME()),
  [c24] datetime2(7) NOT NULL DEFAULT (SYSUTCDATETIME()),
  [c25] datetimeoffset(7) NOT NULL DEFAULT (SYSDATETIMEOFFSET()),
  [c26] int NULL,
  PRIMARY KEY CLUSTERED ([id])
)
GO

-- create_table_nasty_names
CREATE TABLE [my schema]."it's ""a"" [table]; DROP TABLE x; --" (
  [id] int NOT NULL,
  "it's ""a"" [table]; DROP TABLE x; --" nvarchar(50) NULL,
  "]" nvarchar(50) NULL,
  ["] nvarchar(50) NULL,
  ['] nvarchar(50) NULL,
  [order] nvarchar(50) NULL,
  [with space] nvarchar(50) NULL,
  [a.b.c] nvarchar(50) NULL,
  [semi;colon] nvarchar(50) NULL,
  [--comment] nvarchar(50) NULL,
  [/* comment] nvarchar(50) NULL,
  [日本語 🙂] nvarchar(50) NULL,
  [ÆØÅ] nvarchar(50) NULL,
  PRIMARY KEY CLUSTERED ([id])
)
GO

-- create_table_text_key
CREATE TABLE [dbo].[by_text] (
  [code] nvarchar(40) COLLATE Latin1_General_100_BIN2 NOT NULL,
  [value] float NULL,
  PRIMARY KEY CLUSTERED ([code])
)
GO

-- create_table_long_key
CREATE TABLE [dbo].[by_long_text] (
  [code] nvarchar(800) COLLATE Latin1_General_100_BIN2 NOT NULL,
  [value] float NULL,
  PRIMARY KEY NONCLUSTERED ([code])
)
GO

-- create_table_no_key
CREATE TABLE [dbo].[contact] (
  [contact_id] int NOT NULL,
  [Name] nvarchar(220) NOT NULL DEFAULT (N''),
  [registered] datetime NOT NULL DEFAULT ('1760-01-01T00:00:00'),
  [business_idx] int NOT NULL DEFAULT (0),
  [amount] money NULL,
  [notes] nvarchar(max) NULL
)
GO

-- drop_table
DROP TABLE [dbo]."con]tact"
GO

-- truncate
TRUNCATE TABLE [dbo].[contact]
GO

-- delete_all
DELETE FROM [dbo].[contact]
GO

-- count_rows
SELECT COUNT_BIG(*) FROM [dbo].[contact]
GO
