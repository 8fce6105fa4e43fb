"""Reinforcement learning of painting: environment, policies, rewards, exploration and replay."""
