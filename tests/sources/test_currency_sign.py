def test_a_sign_beside_the_amount_is_a_currency(run):
    text = 'deal_id,stage,amount\nD00001,Closed Won,"US$1,000"\nD00002,Closed Won,"¥2,000"\n'
    text += "D00003,Closed Won,3000\nD00004,Closed Won,€4\n"
    done = run("tables", {"deals.csv": text}, {"fx": {"rates": {"USD": 7.0}}})
    assert list(done.by_id("deals", "amount").values()) == [7000, 2000, 3000, None]
    assert done.record["warnings"] == [
        "1 deal in EUR has no amount in CNY: give a rate in salesops.toml, [fx.rates] EUR = …"
    ]
