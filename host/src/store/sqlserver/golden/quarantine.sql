-- clear
DELETE FROM [dbo].[speil_quarantine] WHERE folded = @P1;
GO

-- held
SELECT id FROM [dbo].[speil_quarantine] WHERE folded = @P1;
GO

-- delete
DELETE FROM [dbo].[speil_quarantine] WHERE id IN (@P1, @P2);
GO

-- insert
INSERT INTO [dbo].[speil_quarantine] (id, folded, tablename, row_key, at, plugin, version, error, op, cells) VALUES (@P1, @P2, @P2, @P3, @P4, @P5, @P6, @P7, @P8, @P9), (@P10, @P2, @P2, @P3, @P4, @P5, @P6, @P7, @P8, @P9);
GO

-- counts
SELECT MAX(tablename), COUNT_BIG(*) FROM [dbo].[speil_quarantine] GROUP BY folded ORDER BY folded
GO

-- list
SELECT TOP (@P1) id, tablename, row_key, at, plugin, version, error, op, cells FROM [dbo].[speil_quarantine] WHERE folded = @P2 ORDER BY at DESC, id;
GO

-- list_all
SELECT TOP (@P1) id, tablename, row_key, at, plugin, version, error, op, cells FROM [dbo].[speil_quarantine] ORDER BY at DESC, id;
GO
