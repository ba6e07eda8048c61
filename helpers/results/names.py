"""The one table of the course's experiments: which notebook makes them, what they are.

The rows of the README's table of results are in tables.py.
"""

from typing import NamedTuple


class Entry(NamedTuple):
    notebook: str
    title: str


FC, CONV, CVAE = "autoencoders_fc", "autoencoders_conv", "cvae_mnist"
EXPERIMENTS = {
    "fc_plain": Entry(FC, "Plain fully-connected autoencoder"),
    "linear_128": Entry(FC, "Linear autoencoder"),
    "fc_vanilla": Entry(FC, "Fully-connected autoencoder that starts at PCA"),
    "latent_dims": Entry(FC, "How many numbers, fully connected"),
    "smile_truth": Entry(FC, "The true smile, on rendered faces"),
    "fc_plain_vae": Entry(FC, "Plain fully-connected VAE"),
    "fc_vae": Entry(FC, "Fully-connected VAE that starts at PCA"),
    "conv_plain": Entry(CONV, "Plain convolutional autoencoder"),
    "conv_vanilla": Entry(CONV, "Convolutional autoencoder: a sketch, painted over"),
    "conv_vanilla_32": Entry(CONV, "The same with 32 numbers"),
    "conv_latent_dims": Entry(CONV, "How many numbers, convolutional"),
    "reader": Entry(CONV, "A network that reads 73 attributes; its features measure distances"),
    "smile": Entry(CONV, "The smile, judged"),
    "smile/judge": Entry(CONV, "The judge of smiles"),
    "smile/recogniser": Entry(CONV, "The recogniser of persons"),
    "conv_skips": Entry(CONV, "UNet with skip connections, trained to copy"),
    "conv_denoising": Entry(CONV, "Denoising"),
    "conv_denoising_bottleneck": Entry(CONV, "Denoising through a bottleneck"),
    "conv_occlusion": Entry(CONV, "De-occlusion"),
    "conv_occlusion_bottleneck": Entry(CONV, "De-occlusion through a bottleneck"),
    "conv_plain_vae": Entry(CONV, "Plain convolutional VAE"),
    "conv_vae": Entry(CONV, "Convolutional VAE: a sketch, painted over"),
    "conv_sharp": Entry(CONV, "A decoder with a judge: sharp faces"),
    "conv_generator": Entry(CONV, "A prior on the codes: faces of nobody"),
    "anomaly": Entry(CONV, "Is this a face at all?"),
    "cvae_map": Entry(CVAE, "Two numbers: the map of handwriting"),
    "cvae_map/conditional": Entry(CVAE, "Two numbers, the label given"),
    "cvae_map/learned_prior": Entry(CVAE, "Two numbers, the label given, with a learned prior"),
    "cvae_plain": Entry(CVAE, "Plain conditional VAE"),
    "cvae_beta": Entry(CVAE, "What beta trades"),
    "cvae_ladder": Entry(CVAE, "What each step to the learned prior is worth"),
    "cvae": Entry(CVAE, "Conditional VAE with a learned prior"),
    "cvae/judge": Entry(CVAE, "The judge of digits"),
}

# What is seen in a figure, where its own title does not say it alone: its alternative text.
CAPTIONS = {
    "fc_vanilla/faces": "Sixteen photographs of people to train on",
    "fc_vanilla/fc_example_0": "Sixteen photographs of test faces, the input",
    "fc_vanilla/fc_example_1": "The same sixteen faces as the fully-connected autoencoder draws "
    "them",
    "fc_vanilla/to_smile_fc": "Test faces with more and more of the smile vector added, "
    "fully-connected autoencoder",
    "fc_vanilla/eigenfaces": "The mean face and the first principal components",
    "fc_vanilla/neighbours_fc": "Test faces with their nearest neighbours by code and by pixels",
    "fc_vanilla/interpolation_fc": "Faces on the way from one person to another",
    "fc_vae/fc_vae_example_0": "Test faces, the input of the fully-connected VAE",
    "fc_vae/fc_vae_example_1": "The same faces as the fully-connected VAE draws them",
    "fc_vae/sample_fc_vae": "Faces of nobody, drawn by the fully-connected VAE",
    "smile_truth/smile_truth": "Drawn faces, their reconstruction, the same with the smile added, "
    "and their true smile",
    "conv_vanilla/conv_example_0": "Sixteen photographs of test faces, the input",
    "conv_vanilla/conv_example_1": "The same sixteen faces as the convolutional autoencoder draws "
    "them",
    "conv_vanilla/to_smile_conv": "Test faces with more and more of the smile vector added, "
    "convolutional autoencoder",
    "conv_vanilla/conv_denoising_0": "Test faces with Gaussian noise",
    "conv_vanilla/conv_denoising_1": "The same faces as the network restores them",
    "conv_vanilla/conv_denoising_2": "The original faces without noise",
    "conv_vanilla/conv_occlusion_0": "Test faces, each with a rectangle covered",
    "conv_vanilla/conv_occlusion_1": "The same faces as the network repairs them",
    "conv_vanilla/conv_occlusion_2": "The original faces with nothing covered",
    "conv_vanilla/attributes_conv": "Test faces with other attributes added, such as eyeglasses",
    "conv_vanilla/smile": "Test faces above and their reconstructions below: the reconstructions "
    "start to smile, and stop",
    "conv_vanilla_32/conv_32": "Test faces drawn by PCA and by the network from 32 numbers",
    "conv_latent_dims/conv_latent_dims": "Error against the length of the code, for PCA and both "
    "networks",
    "conv_vae/conv_vae_example_0": "Test faces, the input of the convolutional VAE",
    "conv_vae/conv_vae_example_1": "The same faces as the convolutional VAE draws them",
    "conv_vae/sample_conv_vae": "Faces of nobody, drawn by the convolutional VAE",
    "conv_sharp/sharp_examples": "Test faces, their blurred reconstruction and the sharp one",
    "conv_sharp/to_smile_sharp": "Test faces that smile more and more, drawn by the sharp decoder",
    "conv_sharp/attributes_sharp": "Test faces with other attributes added, sharp decoder",
    "conv_sharp/perception_distortion": "Squared error against the distance of distributions, a "
    "point for each weight of the judge",
    "conv_generator/sample_generator": "Faces of nobody, drawn by the generator",
    "conv_generator/three_priors": "One decoder with three priors, and one prior with two decoders",
    "conv_generator/noise_to_face": "A handful of codes on their way from noise to faces",
    "conv_generator/nearest_generator": "Samples beside their nearest training faces",
    "anomaly/anomaly": "Faces upside down, cut up, noisy and covered, and pieces of photographs "
    "without faces, with their reconstructions",
    "cvae/cvae_all_digits": "Samples of all ten digits, a digit a row",
    "cvae/cvae_fives": "Samples of the digit five",
    "cvae/cvae_sevens": "Samples of the digit seven",
    "cvae/digits": "The digits 0 to 9 in one handwriting, which turns slowly into another one",
    "cvae_map/digits_map": "The two-dimensional latent space of a VAE of digits, drawn as a map",
    "cvae_beta/rate_distortion": "Rate against distortion along beta, and how many units are in "
    "use",
    "cvae_beta/beta_digits": "Reconstructions and samples along beta",
}
