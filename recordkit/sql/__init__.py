"""
SQL text: coloured, formatted, told apart; nothing here can fail or hang, whatever the text is.
"""
