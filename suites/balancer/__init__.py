"""Tools for the checks of the balancer: its weights, traffic shares, and requests during a move.

goodness_of_fit  tests whether a traffic share differs from the intended share only by chance
borrowed_weights changes the weights for a check, and restores the weights afterwards
visitors         simulates shoppers at the public edge, who keep connection, cookies and address
slow_requests    sends requests with slow bodies, so that they are in progress during a move
"""
