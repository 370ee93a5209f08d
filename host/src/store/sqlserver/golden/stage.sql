-- create_stage
IF OBJECT_ID('tempdb..#speil_stage') IS NOT NULL DROP TABLE #speil_stage;
CREATE TABLE #speil_stage (op tinyint NOT NULL, n int NOT NULL, c0 int NULL, c1 nvarchar(220) NULL)
GO

-- create_stage_every_type
IF OBJECT_ID('tempdb..#speil_stage') IS NOT NULL DROP TABLE #speil_stage;
CREATE TABLE #speil_stage (op tinyint NOT NULL, n int NOT NULL, c0 bit NULL, c1 tinyint NULL, c2 smallint NULL, c3 int NULL, c4 bigint NULL, c5 nvarchar(60) NULL, c6 money NULL, c7 money NULL, c8 float NULL, c9 real NULL, c10 date NULL, c11 nvarchar(60) NULL, c12 datetime NULL, c13 datetime NULL, c14 datetime2(7) NULL, c15 nvarchar(60) NULL, c16 nvarchar(10) NULL, c17 nvarchar(max) NULL, c18 nvarchar(10) NULL, c19 nvarchar(2000) NULL, c20 nvarchar(max) NULL, c21 nvarchar(max) NULL, c22 nvarchar(max) NULL, c23 nvarchar(max) NULL, c24 nvarchar(max) NULL, c25 varbinary(8) NULL, c26 varbinary(8000) NULL, c27 varbinary(max) NULL, c28 varbinary(max) NULL, c29 uniqueidentifier NULL)
GO

-- declare_stage
DECLARE @stage TABLE (op tinyint NOT NULL, n int NOT NULL, c0 nvarchar(20) COLLATE Latin1_General_CI_AS NULL, c1 nvarchar(60) NULL, c2 nvarchar(max) COLLATE Latin1_General_CI_AS NULL)
GO

-- insert_rows
INSERT INTO #speil_stage (op, n, c0, c1) VALUES (0, 7, CONVERT(int, @P1), NULL), (1, 8, CONVERT(int, @P2), CONVERT(nvarchar(220), @P3))
GO

-- probe
SELECT CASE WHEN EXISTS (SELECT 1 FROM [dbo]."od]d ""name") THEN 1 ELSE 0 END, CASE WHEN EXISTS (SELECT 1 FROM [dbo]."od]d ""name" WHERE [id] BETWEEN @P1 AND @P2) THEN 1 ELSE 0 END
GO

-- probe_text_key
SELECT CASE WHEN EXISTS (SELECT 1 FROM [dbo]."od]d ""name") THEN 1 ELSE 0 END, CASE WHEN EXISTS (SELECT 1 FROM [dbo]."od]d ""name") THEN 1 ELSE 0 END
GO

-- apply
SET NOCOUNT ON;
DECLARE @d bigint, @u bigint, @i bigint, @twice bigint, @n int, @c int;
SET @d = 0; SET @u = 0; SET @i = 0; SET @twice = 0;
DELETE t FROM [dbo]."od]d ""name" AS t INNER JOIN #speil_stage AS s ON t.[id] = s.c0 WHERE s.op = 0;
SET @d = @@ROWCOUNT;
UPDATE t SET [na me] = s.c1 FROM [dbo]."od]d ""name" AS t INNER JOIN #speil_stage AS s ON t.[id] = s.c0 WHERE s.op = 1;
SET @u = @@ROWCOUNT;
IF @u + @twice < @P1
BEGIN
INSERT INTO [dbo]."od]d ""name" ([id], [na me]) SELECT s.c0, s.c1 FROM #speil_stage AS s WHERE s.op = 1 AND NOT EXISTS (SELECT 1 FROM [dbo]."od]d ""name" AS t WHERE t.[id] = s.c0);
SET @i = @@ROWCOUNT;
END;
TRUNCATE TABLE #speil_stage;
SET NOCOUNT OFF;
SELECT @d, @u + @twice, @i, @n, @c
GO

-- apply_emptying_by_row
SET NOCOUNT ON;
DECLARE @d bigint, @u bigint, @i bigint, @twice bigint, @n int, @c int;
SET @d = 0; SET @u = 0; SET @i = 0; SET @twice = 0;
DELETE t FROM [dbo]."od]d ""name" AS t INNER JOIN #speil_stage AS s ON t.[id] = s.c0 WHERE s.op = 0;
SET @d = @@ROWCOUNT;
UPDATE t SET [na me] = s.c1 FROM [dbo]."od]d ""name" AS t INNER JOIN #speil_stage AS s ON t.[id] = s.c0 WHERE s.op = 1;
SET @u = @@ROWCOUNT;
IF @u + @twice < @P1
BEGIN
INSERT INTO [dbo]."od]d ""name" ([id], [na me]) SELECT s.c0, s.c1 FROM #speil_stage AS s WHERE s.op = 1 AND NOT EXISTS (SELECT 1 FROM [dbo]."od]d ""name" AS t WHERE t.[id] = s.c0);
SET @i = @@ROWCOUNT;
END;
DELETE FROM #speil_stage;
SET NOCOUNT OFF;
SELECT @d, @u + @twice, @i, @n, @c
GO

-- apply_deletes
SET NOCOUNT ON;
DECLARE @d bigint, @u bigint, @i bigint, @twice bigint, @n int, @c int;
SET @d = 0; SET @u = 0; SET @i = 0; SET @twice = 0;
DELETE t FROM [dbo]."od]d ""name" AS t INNER JOIN #speil_stage AS s ON t.[id] = s.c0 WHERE s.op = 0;
SET @d = @@ROWCOUNT;
TRUNCATE TABLE #speil_stage;
SET NOCOUNT OFF;
SELECT @d, @u + @twice, @i, @n, @c
GO

-- apply_upserts
SET NOCOUNT ON;
DECLARE @d bigint, @u bigint, @i bigint, @twice bigint, @n int, @c int;
SET @d = 0; SET @u = 0; SET @i = 0; SET @twice = 0;
UPDATE t SET [na me] = s.c1 FROM [dbo]."od]d ""name" AS t INNER JOIN #speil_stage AS s ON t.[id] = s.c0 WHERE s.op = 1;
SET @u = @@ROWCOUNT;
IF @u + @twice < @P1
BEGIN
INSERT INTO [dbo]."od]d ""name" ([id], [na me]) SELECT s.c0, s.c1 FROM #speil_stage AS s WHERE s.op = 1 AND NOT EXISTS (SELECT 1 FROM [dbo]."od]d ""name" AS t WHERE t.[id] = s.c0);
SET @i = @@ROWCOUNT;
END;
TRUNCATE TABLE #speil_stage;
SET NOCOUNT OFF;
SELECT @d, @u + @twice, @i, @n, @c
GO

-- apply_keyless
SET NOCOUNT ON;
DECLARE @d bigint, @u bigint, @i bigint, @twice bigint, @n int, @c int;
SET @d = 0; SET @u = 0; SET @i = 0; SET @twice = 0;
INSERT INTO [dbo]."od]d ""name" ([id], [na me]) SELECT s.c0, s.c1 FROM #speil_stage AS s WHERE s.op = 1;
SET @i = @@ROWCOUNT;
TRUNCATE TABLE #speil_stage;
SET NOCOUNT OFF;
SELECT @d, @u + @twice, @i, @n, @c
GO

-- apply_only_key
SET NOCOUNT ON;
DECLARE @d bigint, @u bigint, @i bigint, @twice bigint, @n int, @c int;
SET @d = 0; SET @u = 0; SET @i = 0; SET @twice = 0;
DELETE t FROM [dbo]."od]d ""name" AS t INNER JOIN #speil_stage AS s ON t.[id] = s.c0 WHERE s.op = 0;
SET @d = @@ROWCOUNT;
SELECT @u = COUNT(*) FROM [dbo]."od]d ""name" AS t INNER JOIN #speil_stage AS s ON t.[id] = s.c0 WHERE s.op = 1;
IF @u + @twice < @P1
BEGIN
INSERT INTO [dbo]."od]d ""name" ([id]) SELECT s.c0 FROM #speil_stage AS s WHERE s.op = 1 AND NOT EXISTS (SELECT 1 FROM [dbo]."od]d ""name" AS t WHERE t.[id] = s.c0);
SET @i = @@ROWCOUNT;
END;
TRUNCATE TABLE #speil_stage;
SET NOCOUNT OFF;
SELECT @d, @u + @twice, @i, @n, @c
GO

-- apply_every_type
SET NOCOUNT ON;
DECLARE @d bigint, @u bigint, @i bigint, @twice bigint, @n int, @c int;
SET @d = 0; SET @u = 0; SET @i = 0; SET @twice = 0;
DELETE t FROM [dbo]."od]d ""name" AS t INNER JOIN #speil_stage AS s ON t.[int] = s.c3 WHERE s.op = 0;
SET @d = @@ROWCOUNT;
UPDATE t SET [bit] = s.c0, [tinyint] = s.c1, [smallint] = s.c2, [bigint] = s.c4, [decimal(38,38)] = CONVERT(decimal(38,38), s.c5), [money] = s.c6, [smallmoney] = CONVERT(smallmoney, s.c7), [float] = s.c8, [real] = s.c9, [date] = s.c10, [time(3)] = CONVERT(time(3), s.c11), [smalldatetime] = CONVERT(smalldatetime, s.c12), [datetime] = s.c13, [datetime2(7)] = s.c14, [datetimeoffset(0)] = CONVERT(datetimeoffset(0), s.c15), [char(10)] = CONVERT(char(10), s.c16), [varchar(max)] = CONVERT(varchar(max), s.c17), [nchar(10)] = CONVERT(nchar(10), s.c18), [nvarchar(2000)] = s.c19, [nvarchar(2001)] = CONVERT(nvarchar(2001), s.c20), [nvarchar(max)] = s.c21, [text] = s.c22, [ntext] = s.c23, [xml] = CONVERT(xml, s.c24, 1), [binary(8)] = CONVERT(binary(8), s.c25), [varbinary(8000)] = s.c26, [varbinary(max)] = s.c27, [image] = s.c28, [uniqueidentifier] = s.c29 FROM [dbo]."od]d ""name" AS t INNER JOIN #speil_stage AS s ON t.[int] = s.c3 WHERE s.op = 1;
SET @u = @@ROWCOUNT;
IF @u + @twice < @P1
BEGIN
INSERT INTO [dbo]."od]d ""name" ([bit], [tinyint], [smallint], [int], [bigint], [decimal(38,38)], [money], [smallmoney], [float], [real], [date], [time(3)], [smalldatetime], [datetime], [datetime2(7)], [datetimeoffset(0)], [char(10)], [varchar(max)], [nchar(10)], [nvarchar(2000)], [nvarchar(2001)], [nvarchar(max)], [text], [ntext], [xml], [binary(8)], [varbinary(8000)], [varbinary(max)], [image], [uniqueidentifier]) SELECT s.c0, s.c1, s.c2, s.c3, s.c4, CONVERT(decimal(38,38), s.c5), s.c6, CONVERT(smallmoney, s.c7), s.c8, s.c9, s.c10, CONVERT(time(3), s.c11), CONVERT(smalldatetime, s.c12), s.c13, s.c14, CONVERT(datetimeoffset(0), s.c15), CONVERT(char(10), s.c16), CONVERT(varchar(max), s.c17), CONVERT(nchar(10), s.c18), s.c19, CONVERT(nvarchar(2001), s.c20), s.c21, s.c22, s.c23, CONVERT(xml, s.c24, 1), CONVERT(binary(8), s.c25), s.c26, s.c27, s.c28, s.c29 FROM #speil_stage AS s WHERE s.op = 1 AND NOT EXISTS (SELECT 1 FROM [dbo]."od]d ""name" AS t WHERE t.[int] = s.c3);
SET @i = @@ROWCOUNT;
END;
TRUNCATE TABLE #speil_stage;
SET NOCOUNT OFF;
SELECT @d, @u + @twice, @i, @n, @c
GO

-- apply_taken_over
SET NOCOUNT ON;
DECLARE @d bigint, @u bigint, @i bigint, @twice bigint, @n int, @c int;
SET @d = 0; SET @u = 0; SET @i = 0; SET @twice = 0;
IF @n IS NULL SELECT TOP (1) @n = s.n, @c = 0 FROM #speil_stage AS s WHERE CONVERT(nvarchar(max), CONVERT(varchar(20), s.c0)) COLLATE Latin1_General_100_BIN2 <> CONVERT(nvarchar(max), s.c0) COLLATE Latin1_General_100_BIN2 ORDER BY s.n;
IF @n IS NULL SELECT TOP (1) @n = s.n, @c = 2 FROM #speil_stage AS s WHERE CONVERT(nvarchar(max), CONVERT(varchar(max), s.c2)) COLLATE Latin1_General_100_BIN2 <> CONVERT(nvarchar(max), s.c2) COLLATE Latin1_General_100_BIN2 ORDER BY s.n;
IF @n IS NULL
BEGIN
DELETE t FROM [dbo]."od]d ""name" AS t INNER JOIN #speil_stage AS s ON t.[code] = CONVERT(varchar(20), s.c0) AND t.[n] = CONVERT(decimal(9,2), s.c1) WHERE s.op = 0;
SET @d = @@ROWCOUNT;
DELETE s FROM #speil_stage AS s WHERE s.op = 1 AND EXISTS (SELECT 1 FROM #speil_stage AS later WHERE later.op = 1 AND later.n > s.n AND CONVERT(varchar(20), later.c0) = CONVERT(varchar(20), s.c0) AND CONVERT(decimal(9,2), later.c1) = CONVERT(decimal(9,2), s.c1));
SET @twice = @@ROWCOUNT;
UPDATE t SET [code] = CONVERT(varchar(20), s.c0), [note] = s.c2 FROM [dbo]."od]d ""name" AS t INNER JOIN #speil_stage AS s ON t.[code] = CONVERT(varchar(20), s.c0) AND t.[n] = CONVERT(decimal(9,2), s.c1) WHERE s.op = 1;
SET @u = @@ROWCOUNT;
IF @u + @twice < @P1
BEGIN
INSERT INTO [dbo]."od]d ""name" ([code], [n], [note]) SELECT CONVERT(varchar(20), s.c0), CONVERT(decimal(9,2), s.c1), s.c2 FROM #speil_stage AS s WHERE s.op = 1 AND NOT EXISTS (SELECT 1 FROM [dbo]."od]d ""name" AS t WHERE t.[code] = CONVERT(varchar(20), s.c0) AND t.[n] = CONVERT(decimal(9,2), s.c1));
SET @i = @@ROWCOUNT;
END;
END;
TRUNCATE TABLE #speil_stage;
SET NOCOUNT OFF;
SELECT @d, @u + @twice, @i, @n, @c
GO
