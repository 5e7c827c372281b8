"""What a broker asks for before it lets a session into its market, as a scripted run on its test system.

    certify ──► outbox ──► gateway ──► tap ──► the broker's test system

The gateway is the one that trades; the tap between it and the broker shows every message, and swallows one where a step
needs a gap. `devstack.certify` gives it a database and a folder of its own: neither books nor numbers of the real
session are touched.
"""
