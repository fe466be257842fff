"""Observations of the balancer: its weights, who answers at the edge, and how it drains.

goodness_of_fit  does a measured share differ from the intended share by chance
borrowed_weights changes the weights for a check, and puts them back
visitors         shoppers at the public edge, who keep connection, cookies and address
slow_requests    requests whose bodies take their time, so that they are under way during a move
"""
