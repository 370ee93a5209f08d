-- read
SELECT id, value FROM [dbo].[speil_values] WHERE id IN (@P1, @P2);
GO

-- set
UPDATE [dbo].[speil_values] SET value = @P4 WHERE id = @P1;
INSERT INTO [dbo].[speil_values] (id, plugin, name, value) SELECT @P1, @P2, @P3, @P4 WHERE NOT EXISTS (SELECT 1 FROM [dbo].[speil_values] WHERE id = @P1);
GO

-- delete
DELETE FROM [dbo].[speil_values] WHERE id IN (@P1);
GO

-- held
SELECT COUNT_BIG(*), COALESCE(SUM(CAST(DATALENGTH(value) AS bigint) + LEN(name)), 0) FROM [dbo].[speil_values] WHERE plugin = @P1;
GO

-- names
SELECT name FROM [dbo].[speil_values] WHERE plugin = @P1 ORDER BY name OFFSET @P2 ROWS FETCH NEXT @P2 ROWS ONLY;
GO
