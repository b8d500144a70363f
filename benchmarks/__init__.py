"""
Measures recordkit beside the floor and the peers, in one run, as ratios.
"""
