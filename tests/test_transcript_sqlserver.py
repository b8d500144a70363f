import pytest

from transcripts import asides, event, failed, query, refused, result, text


def rpc(name, *parameters):
    return event("sqlserver.rpc_request", proc_name=name, parameters=list(parameters))


def test_a_session_reads_as_in_sqlcmd():
    """Numbered lines, go, tables and counts look as sqlcmd prints them."""
    assert text(
        "sqlserver",
        query("SELECT Id, Customer, Paid\n  FROM dbo.Invoices\n WHERE Total > 100"),
        result(
            2,
            columns=[
                {"name": "Id", "type": "int"},
                {"name": "Customer", "type": "nvarchar"},
                {"name": "Paid", "type": "bit"},
            ],
            rows=[["1009", "Müller", True], ["7", None, False]],
        ),
        query("CREATE TABLE dbo.Notes (Id int)"),
        result(),
        rpc("sp_executesql", "UPDATE dbo.Invoices SET Paid = 1 WHERE Id = @id", "@id int", "1009"),
        result(1),
        query("SELECT * FROM dbo.Nope"),
        failed("mssql: Invalid object name 'dbo.Nope'."),
        refused("DROP TABLE dbo.Invoices", "access to database denied"),
        event("end", 60),
    ) == (
        """
1> SELECT Id, Customer, Paid
2>   FROM dbo.Invoices
3>  WHERE Total > 100
4> go
Id   Customer Paid
---- -------- ----
1009 Müller   1
   7 NULL     0

(2 rows affected)

1> CREATE TABLE dbo.Notes (Id int)
2> go

1> exec sp_executesql @p1 = N'UPDATE dbo.Invoices SET Paid = 1 WHERE Id = @id', @p2 = N'@id int', @p3 = N'1009'
2> go

(1 rows affected)

1> SELECT * FROM dbo.Nope
2> go
Sqlcmd: Error: Invalid object name 'dbo.Nope'.

1> DROP TABLE dbo.Invoices
2> go
Sqlcmd: Error: access to database denied

Session ended at Mon Jul 20 20:01 UTC
"""
    )


@pytest.mark.parametrize(
    ("request_event", "shown"),
    [
        (
            rpc("sp_rename", "O'Brien", None, 7, True),
            "exec sp_rename @p1 = N'O''Brien', @p2 = NULL, @p3 = 7, @p4 = true",
        ),
        (rpc("sp_who"), "exec sp_who"),
        (rpc(None, "a"), "exec (a procedure without a name) @p1 = N'a'"),
        (event("sqlserver.rpc_request", proc_name="p", parameters="a"), "exec p @p1 = N'a'"),
    ],
)
def test_a_remote_call_is_shown_as_exec(request_event, shown):
    """Parameters are named by their place and written as literals."""
    assert text("sqlserver", request_event) == f"\n1> {shown}\n2> go\n"


def test_a_message_of_the_server_is_shown_as_it_is():
    """An error that has the server's own form keeps it."""
    message = "Msg 208, Level 16, State 1, Server finance, Line 1\nInvalid object name 'x'."
    assert text("sqlserver", query("x"), failed(message)).endswith(f"go\n{message}\n")


def test_what_sqlcmd_is_silent_about_is_an_aside():
    """A statement that counts nothing prints nothing, which only plain text leaves at that."""
    assert text("sqlserver", query("x"), result()) == "\n1> x\n2> go\n"
    assert asides("sqlserver", query("x"), result()) == "OK\n"


def test_parameters_beside_a_query_are_a_comment():
    """What stands in db_query_parameters comes before go."""
    assert text("sqlserver", query("x", db_query_parameters=["a"])) == "\n1> x\n2> -- parameters: 'a'\n3> go\n"
