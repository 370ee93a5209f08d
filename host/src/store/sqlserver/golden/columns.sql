-- select
SELECT TOP (0) [id], "it's ""a"" [table]; DROP TABLE x; --", "]", ["], ['], [order], [with space], [a.b.c], [semi;colon], [--comment], [/* comment], [日本語 🙂], [ÆØÅ] FROM [dbo]."it's ""a"" [table]; DROP TABLE x; --"
GO

-- select_value
SELECT TOP (1) [id], "it's ""a"" [table]; DROP TABLE x; --", "]", ["], ['], [order], [with space], [a.b.c], [semi;colon], [--comment], [/* comment], [日本語 🙂], [ÆØÅ] FROM [dbo]."it's ""a"" [table]; DROP TABLE x; --" WITH (NOLOCK)
GO
